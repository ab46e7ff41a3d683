"""The model `auto`: chosen from the list of the key, once per client."""

import asyncio
import contextlib
import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from apertis_audio_tools import (
    AuthenticationError,
    InvalidRequestError,
    NotFoundError,
    OutputError,
    UnsupportedError,
)
from apertis_audio_tools.langchain import ApertisAudioLoader
from support.fake_clock import DatedClock
from support.loopback_server import Behaviour, Exchange, LoopbackServer, ReceivedRequest
from support.scripted_responses import respond, respond_error, respond_json
from support.sync_async import Run
from support.tiny_recordings import tiny_recording
from support.wav_files import silent_wav

pytestmark = pytest.mark.model_list

CLIP = Path(__file__).parents[1] / "clips" / "clip.mp3"
SPEECH = respond(200, CLIP.read_bytes(), "audio/mpeg")
CHAT = respond_json({"choices": [{"message": {"content": "Yes."}, "finish_reason": "stop"}]})
TEXT = respond_json({"text": "hello"})


def listing(*names: str) -> Behaviour:
    return respond_json({"data": [{"id": name} for name in names]})


def by_path(listed: Behaviour | list[str], verb: Behaviour) -> list[Behaviour]:
    """Return a script that answers the list and verbs, in whatever order they come."""
    answer = listing(*listed) if isinstance(listed, list) else listed

    def behave(exchange: Exchange) -> None:
        (answer if exchange.received.target == "/v1/models" else verb)(exchange)

    return [behave]


def model_of(request: ReceivedRequest) -> str:
    if request.body.startswith(b"{"):
        return str(json.loads(request.body)["model"])
    return re.search(rb'name="model"\r\n\r\n(.*?)\r\n', request.body)[1].decode()  # type: ignore[index]


def models_of(server: LoopbackServer) -> list[str]:
    return [model_of(each) for each in server.requests if each.method == "POST"]


VERBS = [
    ("transcribe", (tiny_recording("a"),), TEXT, "gpt-transcribe"),
    ("transcribe_many", ([tiny_recording("a")],), TEXT, "gpt-transcribe"),
    ("speak", ("Yes.",), SPEECH, "gemini-3.8-flash-lite-tts"),
    ("stream_speech", ("Yes.",), SPEECH, "gemini-3.8-flash-lite-tts"),
    ("chat", ("Hello?",), CHAT, "gpt-4.1-mini"),
    ("chat", ("Hello?", tiny_recording("a")), CHAT, "gpt-audio"),
]
LISTED = ["parrot", "gpt-4.1-mini", "gpt-audio", "gpt-transcribe", "gemini-3.8-flash-lite-tts"]


@pytest.mark.parametrize(("verb", "arguments", "answer", "model"), VERBS)
def test_best(
    run: Run,
    caplog: pytest.LogCaptureFixture,
    verb: str,
    arguments: tuple[Any, ...],
    answer: Behaviour,
    model: str,
) -> None:
    """Every verb uses the best model of the key, which is asked once, and the log says so."""
    caplog.set_level(logging.INFO, "apertis_audio_tools")
    clock = DatedClock(2027, 1, 10)
    with (
        LoopbackServer(by_path(LISTED, answer)) as server,
        server.client(clock=clock) as audio,
        pytest.warns() if model == "gpt-audio" else contextlib.nullcontext(),
    ):
        for _ in range(2):
            run(audio, verb, *arguments)
    assert models_of(server) == [model, model]
    assert [each.target for each in server.requests].count("/v1/models") == 1
    assert caplog.text.count(f"{model} was chosen to ") == 1


@pytest.mark.parametrize(
    "listed",
    [respond_error(404), respond_error(403), respond_error(500), respond_json({"data": 1})],
    ids=["404", "403", "500", "malformed"],
)
def test_without_a_list(run: Run, listed: Behaviour) -> None:
    """Without a list it is today's default; the list is asked for once."""
    with LoopbackServer(by_path(listed, TEXT)) as server, server.client() as audio:
        for _ in range(2):
            run(audio, "transcribe", tiny_recording("a"))
    assert models_of(server) == ["whisper-1", "whisper-1"]
    assert len(server.requests) == 3


def test_named_model(run: Run) -> None:
    """A model that is named needs no list."""
    with LoopbackServer([TEXT]) as server, server.client() as audio:
        run(audio, "transcribe", tiny_recording("a"), model="parrot")
    assert models_of(server) == ["parrot"]
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("verb", "arguments", "options"),
    [
        ("transcribe", (tiny_recording("a"),), {"temperature": 7}),
        ("speak", (" ",), {}),
        ("speak", ("Yes.",), {"speed": 9}),
        ("chat", ([],), {}),
        ("chat", ("Hello?",), {"modalities": ["smell"]}),
    ],
)
def test_refused_without_a_list(
    run: Run, verb: str, arguments: tuple[Any, ...], options: dict[str, Any]
) -> None:
    """Requests that no model can serve are refused before anything is asked."""
    with LoopbackServer(by_path(LISTED, TEXT)) as server, server.client() as audio:
        with pytest.raises(UnsupportedError):
            run(audio, verb, *arguments, **options)
        assert not server.requests


@pytest.mark.parametrize(("verb", "arguments"), [each[:2] for each in VERBS])
def test_refused_key(run: Run, verb: str, arguments: tuple[Any, ...]) -> None:
    """A key that is refused for the list is refused with one request, and nothing is uploaded."""
    with LoopbackServer([respond_error(401, "invalid_api_key")]) as server:
        with server.client() as client, pytest.raises(AuthenticationError):
            run(client, verb, *arguments)
        assert [each.method for each in server.requests] == ["GET"]


def test_none_suits(run: Run) -> None:
    """If the key has no such model, and the default has ended, nothing is uploaded."""
    script, clock = by_path(["tts-1"], TEXT), DatedClock(2027, 3, 1)
    with LoopbackServer(script) as server, server.client(clock=clock) as audio:
        with pytest.raises(NotFoundError, match="no model that is known to transcribe"):
            run(audio, "transcribe", tiny_recording("a"))
        assert len(server.requests) == 1


@pytest.mark.parametrize(("voice", "sent"), [("alloy", "Kore"), ("nova", "Leda"), ("Puck", "Puck")])
def test_similar_voice(run: Run, voice: str, sent: str) -> None:
    """A documented voice becomes the similar one of the model that was chosen."""
    script = by_path(["gemini-3.8-flash-lite-tts"], SPEECH)
    with LoopbackServer(script) as server, server.client() as audio:
        run(audio, "speak", "Yes.", voice=voice)
    assert json.loads(server.requests[-1].body)["voice"] == sent


def test_cache(run: Run, tmp_path: Path) -> None:
    """An entry of an earlier choice counts; it holds the model that responded; a name is a name."""
    with (
        LoopbackServer(by_path(["gpt-transcribe"], TEXT)) as server,
        server.client(cache=tmp_path) as audio,
    ):
        first = run(audio, "transcribe", tiny_recording("a"))
        again = run(audio, "transcribe", tiny_recording("a"))
        assert len(server.requests) == 2
    assert first.model == again.model == "gpt-transcribe"
    script = by_path(["whisper-large-v3"], TEXT)
    with LoopbackServer(script) as server, server.client(cache=tmp_path) as audio:
        run(audio, "transcribe", tiny_recording("a"))
        assert len(server.requests) == 2  # another service
        with server.client(cache=tmp_path) as other:
            assert run(other, "transcribe", tiny_recording("a")).model == "whisper-large-v3"
        assert len(server.requests) == 2  # not even the list
        run(audio, "transcribe", tiny_recording("a"), model="whisper-large-v3")
        assert len(server.requests) == 3


def test_cached_pieces(run: Run, tmp_path: Path) -> None:
    """Pieces that an earlier choice transcribed are not sent again."""
    recording = silent_wav(64_000)
    options: dict[str, Any] = {"cache": tmp_path, "max_concurrency": 1}
    with LoopbackServer([listing("gpt-transcribe"), TEXT, respond_error(400)]) as server:
        with server.client(**options) as audio, pytest.raises(InvalidRequestError):
            run(audio, "transcribe", recording, piece_seconds=1.0)
        server.script += [listing("whisper-large-v3"), TEXT]
        with server.client(**options) as audio:
            whole = run(audio, "transcribe", recording, piece_seconds=1.0)
    assert models_of(server) == ["gpt-transcribe", "gpt-transcribe", "whisper-large-v3"]
    assert whole.model == "gpt-transcribe, whisper-large-v3"


@pytest.mark.parametrize("verb", ["transcribe", "chat", "stream_chat"])
def test_fallback(run: Run, verb: str) -> None:
    """A result names the model that the gateway says responded."""
    headers: dict[str, Any] = {"x_actual_model": "whisper-9", "x_fallback_used": "true"}
    bodies = {"transcribe": {"text": "hello"}, "chat": {"choices": [{"message": {"content": "a"}}]}}
    event = b'data: {"model": "m", "choices": [{"delta": {"content": "a"}}]}\n\ndata: [DONE]\n\n'
    answer = respond(200, event, "text/event-stream", **headers)
    if verb in bodies:
        answer = respond_json(bodies[verb], **headers)
    with LoopbackServer([answer]) as server, server.client() as audio:
        source = tiny_recording("a") if verb == "transcribe" else "Hello?"
        result = run(audio, verb, source, model="parrot")
    assert (result[0] if verb == "stream_chat" else result).model == "whisper-9"


def test_documents(tmp_path: Path) -> None:
    """Ids of documents do not depend on the choice; their metadata names the model."""
    (tmp_path / "a.wav").write_bytes(silent_wav(3200))
    found = []
    for name in ("gpt-transcribe", "whisper-large-v3"):
        with LoopbackServer(by_path([name], TEXT)) as server:
            loader = ApertisAudioLoader(tmp_path, api_key="key-of-a-test", base_url=server.url)
            found += loader.load()
    assert [each.metadata["model"] for each in found] == ["gpt-transcribe", "whisper-large-v3"]
    assert found[0].id == found[1].id


def test_thread_beside_a_task() -> None:
    """A sync verb on an event loop does not wait for the list that a task there asks for."""

    async def use_both(audio: Any) -> None:
        task = asyncio.create_task(audio.atranscribe(tiny_recording("a")))
        for _ in range(3):
            await asyncio.sleep(0)
        audio.transcribe(tiny_recording("a"))
        await task

    with LoopbackServer(by_path(["gpt-transcribe"], TEXT)) as server, server.client() as audio:
        asyncio.run(use_both(audio))
    assert models_of(server) == ["gpt-transcribe", "gpt-transcribe"]


def test_cancelled_list() -> None:
    """A list whose task was cancelled is asked for again."""

    async def cancel_first(audio: Any, server: LoopbackServer) -> None:
        task = asyncio.create_task(audio.atranscribe(tiny_recording("a")))
        await asyncio.to_thread(server.wait_for_requests, 1)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        server.script = by_path(["gpt-transcribe"], TEXT)
        await audio.atranscribe(tiny_recording("a"))

    def silent(exchange: Exchange) -> None:
        exchange.wait_for_disconnect()

    with LoopbackServer([silent]) as server, server.client() as audio:
        asyncio.run(cancel_first(audio, server))
    assert models_of(server) == ["gpt-transcribe"]


def test_existing_file(run: Run, tmp_path: Path) -> None:
    """A file that exists is refused before anything is asked."""
    path = tmp_path / "a.mp3"
    path.touch()
    with LoopbackServer(by_path(LISTED, SPEECH)) as server, server.client() as audio:
        with pytest.raises(OutputError):
            run(audio, "save_speech", "Yes.", path)
        assert not server.requests
