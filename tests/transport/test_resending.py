"""Retries send the same body, whatever its source."""

import base64
import hashlib
import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from apertis_audio_tools.audio import Source
from support.faults.fault_runner import Pipe
from support.loopback_server import Behaviour, LoopbackServer
from support.scripted_responses import reset_connection, respond, respond_error, respond_json
from support.sync_async import Run

CLIP = Path(__file__).parents[1] / "clips" / "clip.wav"
WAV = CLIP.read_bytes()
TRANSCRIPT = respond_json({"text": "one two"})
REPLY = respond_json({"choices": [{"message": {"content": "A voice."}}]})


def _handle_from_offset() -> Source:
    handle = io.BytesIO(b"something else" + WAV)
    handle.seek(len(b"something else"))
    return handle


SOURCES: dict[str, Callable[[], Source]] = {
    "path": lambda: CLIP,
    "bytes": lambda: WAV,
    "handle from an offset": _handle_from_offset,
    "pipe": lambda: io.BufferedReader(Pipe(WAV)),
    "named": lambda: ("clip.wav", WAV),
}


@pytest.mark.parametrize(
    "broken", [respond_error(503), reset_connection(), reset_connection(before=20_000)]
)
@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_upload(run: Run, source: Callable[[], Source], broken: Behaviour) -> None:
    """Every attempt sends the whole recording from its first position, in the same form."""
    with (
        LoopbackServer([broken, respond_error(500), TRANSCRIPT]) as server,
        server.client() as audio,
    ):
        assert run(audio, "transcribe", source()).text == "one two"
    first, second, third = server.requests
    assert second.sha256 == third.sha256
    assert WAV in third.body
    assert third.size == int(third.headers["content-length"])
    assert first.headers == second.headers == third.headers


def test_audio_in_chat(run: Run) -> None:
    """Every attempt sends the same base64."""
    with (
        LoopbackServer([respond_error(503), reset_connection(before=20_000), REPLY]) as server,
        server.client() as audio,
    ):
        assert run(audio, "chat", "Who is it?", audio=WAV).text == "A voice."
    first, _, third = server.requests
    assert first.sha256 == third.sha256
    block = json.loads(third.body)["messages"][0]["content"][1]["input_audio"]
    assert base64.b64decode(block["data"], validate=True) == WAV


def test_handle_stays_open(run: Run) -> None:
    """A file object of the caller is neither closed nor used up."""
    handle = io.BytesIO(WAV)
    with LoopbackServer([respond_error(503), TRANSCRIPT]) as server, server.client() as audio:
        run(audio, "transcribe", handle)
        run(audio, "transcribe", handle)
    assert not handle.closed
    assert {WAV in request.body for request in server.requests} == {True}


class InterruptedStream(io.BytesIO):
    """Stream that lets other threads run between a seek and a read."""

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:  # noqa: D102  # as in any stream
        position = super().seek(offset, whence)
        os.sched_yield()
        return position


def test_handle_in_many_calls(run: Run) -> None:
    """Concurrent calls that share a file object send all of it."""
    handle = InterruptedStream(WAV)
    with LoopbackServer([TRANSCRIPT]) as server, server.client(max_concurrency=8) as audio:
        outcomes = run(audio, "transcribe_many", [handle] * 24)
    assert {outcome.transcript.digest for outcome in outcomes} == {hashlib.sha256(WAV).hexdigest()}
    assert {WAV in request.body for request in server.requests} == {True}


def test_digest_of_loopback(run: Run) -> None:
    """The digest that these tests rely on is that of the body."""
    with LoopbackServer([respond(200, b"ID3", "audio/mpeg")]) as server, server.client() as audio:
        run(audio, "stream_speech", "Hello.")
    (request,) = server.requests
    assert request.sha256 == hashlib.sha256(request.body).hexdigest()
    assert json.loads(request.body)["input"] == "Hello."
