"""Errors about models name those that the key can use."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from apertis_audio_tools import (
    APIStatusError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
)
from support.loopback_server import Behaviour, Exchange, LoopbackServer
from support.scripted_responses import respond, respond_error, respond_json, stay_silent
from support.sync_async import Run
from support.tiny_recordings import tiny_recording

pytestmark = pytest.mark.model_list

NO_CHANNEL = respond_json(
    {"error": {"message": "no available channel for model whisper-1", "code": "x"}}, 503
)
GONE = respond_error(404, "model_not_found")
DENIED = respond_error(403, "model_access_denied")
NO_SRT = respond_json(
    {"error": {"message": "response_format 'srt' is not compatible.", "code": "unsupported"}}, 400
)


def lists(*names: str) -> Behaviour:
    return respond_json({"data": [{"id": name} for name in names]})


def by_path(listing: Behaviour, verb: Behaviour) -> list[Behaviour]:
    """Return a script that answers lists and verbs, in whatever order they come."""

    def behave(exchange: Exchange) -> None:
        (listing if exchange.received.target == "/v1/models" else verb)(exchange)

    return [behave]


@pytest.mark.parametrize("gone", [GONE, NO_CHANNEL], ids=["404", "503"])
@pytest.mark.parametrize(
    ("verb", "arguments", "options", "listed", "words"),
    [
        (
            "transcribe",
            (tiny_recording("a"),),
            {"model": "whisper-1"},
            ["whisper-1", "whisper-large-v3", "gpt-transcribe", "tts-1", "parrot"],
            "To transcribe, this key can use whisper-large-v3, gpt-transcribe.",
        ),
        (
            "translate",
            (tiny_recording("a"),),
            {"model": "whisper-1"},
            ["gpt-transcribe"],
            "no model that is known to translate. Transcribe the recording and have a chat model",
        ),
        (
            "speak",
            ("Yes.",),
            {"model": "tts-1", "voice": "Kore"},
            ["gemini-3.8-flash-lite-tts", "whisper-1"],
            "can use gemini-3.8-flash-lite-tts.",
        ),
        (
            "chat",
            ("Hello?", tiny_recording("a")),
            {"model": "gpt-4o-audio-preview"},
            ["gpt-audio-mini", "gpt-4.1-mini"],
            "To chat with audio, this key can use gpt-audio-mini.",
        ),
        (
            "stream_chat",
            ("Hello?",),
            {"model": "gpt-4o-audio-preview"},
            ["gpt-audio-mini", "gpt-4.1-mini"],
            "To chat, this key can use gpt-audio-mini, gpt-4.1-mini.",
        ),
    ],
)
def test_models_of_the_key(
    run: Run,
    gone: Behaviour,
    verb: str,
    arguments: tuple[Any, ...],
    options: dict[str, Any],
    listed: list[str],
    words: str,
) -> None:
    """A model that is gone is one request, and the error names what the key can use."""
    with LoopbackServer(by_path(lists(*listed), gone)) as server, server.client() as audio:
        for _ in range(2):
            with pytest.raises(NotFoundError) as caught:
                run(audio, verb, *arguments, **options)
            assert words in str(caught.value)
            assert caught.value.code == "model_not_found"
    targets = [each.target for each in server.requests]
    assert targets.count("/v1/models") == 1  # kept
    assert len(targets) == 3


@pytest.mark.parametrize(
    ("status", "details"),
    [
        (404, {"message": "The model `whisper-1` has been deprecated.", "type": "error"}),
        (404, {"message": "No endpoints found for openai/whisper-1."}),
        (410, {"message": "Model whisper-1 was retired."}),
        (400, {"message": "Use another one.", "code": "model_decommissioned"}),
        (503, {"message": "No available channel for model whisper-1 under group default"}),
    ],
)
def test_other_words(run: Run, status: int, details: dict[str, str]) -> None:
    """A model that is gone is recognised in the words of other services, and asked for once."""
    gone = respond_json({"error": details}, status)
    script = by_path(lists("whisper-large-v3"), gone)
    with LoopbackServer(script) as server, server.client() as audio:
        with pytest.raises(NotFoundError, match=r"can use whisper-large-v3\.$") as caught:
            run(audio, "transcribe", tiny_recording("a"), model="whisper-1")
        assert len(server.requests) == 2
    assert (caught.value.status, caught.value.code) == (status, "model_not_found")


def test_denied(run: Run) -> None:
    """A key that may not use a model is told which it may."""
    script = by_path(lists("whisper-large-v3"), DENIED)
    with (
        LoopbackServer(script) as server,
        server.client() as audio,
        pytest.raises(PermissionDeniedError, match=r"can use whisper-large-v3\.$"),
    ):
        run(audio, "transcribe", tiny_recording("a"), model="whisper-1")


def test_format(run: Run) -> None:
    """A format that the model does not have is answered with the models that have it."""
    with (
        LoopbackServer(by_path(lists("parrot", "whisper-large-v3"), NO_SRT)) as server,
        server.client() as audio,
        pytest.raises(
            InvalidRequestError,
            match=r"To transcribe in srt, .*use whisper-large-v3\. Or request json\.",
        ),
    ):
        run(audio, "transcribe", tiny_recording("a"), model="parrot", response_format="srt")


@pytest.mark.parametrize(
    "listing",
    [
        respond_error(401),
        respond_error(404),
        respond_error(503),
        respond(200, b"<html>", "text/html"),
        respond_json({"data": "nothing"}),
        stay_silent(),
    ],
    ids=["401", "404", "503", "page", "malformed", "silent"],
)
def test_failing_list(run: Run, listing: Behaviour) -> None:
    """A list that fails does not hide the error, and the list is asked for once."""
    with (
        LoopbackServer(by_path(listing, GONE)) as server,
        server.client(timeout=0.2) as audio,
    ):
        for _ in range(2):
            with pytest.raises(NotFoundError) as caught:
                run(audio, "transcribe", tiny_recording("a"), model="whisper-1")
            assert str(caught.value) == "Message of the server: model_not_found (404)."
    assert [each.target for each in server.requests].count("/v1/models") == 1


@pytest.mark.parametrize("status", [400, 401, 404, 500])
def test_other_errors(run: Run, status: int) -> None:
    """Errors about something else ask for no list."""
    with (
        LoopbackServer([respond_error(status, "something_else")]) as server,
        server.client(max_retries=0) as audio,
    ):
        with pytest.raises(APIStatusError):
            run(audio, "transcribe", tiny_recording("a"), model="whisper-1")
        assert len(server.requests) == 1


def test_many_threads() -> None:
    """Threads and tasks that fail at the same time share one list."""
    barrier = threading.Barrier(4)

    def gone(exchange: Exchange) -> None:
        exchange.read_body()
        barrier.wait()
        GONE(exchange)

    script = by_path(lists("whisper-large-v3"), gone)
    with LoopbackServer(script) as server, server.client() as audio:
        errors = failures_of_threads(lambda: audio.transcribe(tiny_recording("a"), model="parrot"))
        assert len(errors) == 4
        assert all("can use whisper-large-v3" in each for each in errors)
        assert [each.target for each in server.requests].count("/v1/models") == 1


def failures_of_threads(call: Callable[[], object]) -> list[str]:
    errors = list[str]()

    def fail() -> None:
        with pytest.raises(NotFoundError) as caught:
            call()
        errors.append(str(caught.value))

    threads = [threading.Thread(target=fail) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_many_tasks() -> None:
    """Tasks that fail at the same time share one list."""

    async def fail_all(audio: Any) -> list[BaseException | Any]:
        calls = [audio.atranscribe(tiny_recording("a"), model="parrot") for _ in range(4)]
        return await asyncio.gather(*calls, return_exceptions=True)

    with (
        LoopbackServer(by_path(lists("whisper-large-v3"), GONE)) as server,
        server.client() as audio,
    ):
        errors = asyncio.run(fail_all(audio))
        assert all("can use whisper-large-v3" in str(each) for each in errors)
        assert [each.target for each in server.requests].count("/v1/models") == 1
