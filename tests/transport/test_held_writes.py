"""Writes of a request, of which small ones are joined."""

from typing import Any

import pytest
from httpcore._backends.anyio import AnyIOStream
from httpcore._backends.sync import SyncStream

from apertis_audio_tools.transport.held_writes import HeldWrites
from support.loopback_server import LoopbackServer
from support.scripted_responses import respond_json
from support.sync_async import Run
from support.wav_files import silent_wav

MODELS = respond_json({"data": [{"id": "whisper-1"}]})
TRANSCRIPT = respond_json({"text": "one"})


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Record each write to a connection."""
    found: list[bytes] = []
    sync_write, async_write = SyncStream.write, AnyIOStream.write

    def write(self: Any, buffer: bytes, timeout: float | None = None) -> None:
        found.append(buffer)
        sync_write(self, buffer, timeout)

    async def awrite(self: Any, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        found.append(buffer)
        await async_write(self, buffer, timeout)

    monkeypatch.setattr(SyncStream, "write", write)
    monkeypatch.setattr(AnyIOStream, "write", awrite)
    return found


def test_small_request_is_one_write(run: Run, writes: list[bytes]) -> None:
    """The head and a small body of each request are written together."""
    audio_bytes = silent_wav(4000)
    with LoopbackServer([MODELS, TRANSCRIPT]) as server, server.client() as audio:
        run(audio, "models")
        run(audio, "transcribe", audio_bytes, model="whisper-1")
    assert len(writes) == 2
    assert audio_bytes in writes[1]
    assert audio_bytes in server.requests[1].body


def test_large_request_is_not_held(run: Run, writes: list[bytes]) -> None:
    """A large body is written as it is read, beginning with the head."""
    audio_bytes = silent_wav(400_000)
    with LoopbackServer([TRANSCRIPT]) as server, server.client() as audio:
        run(audio, "transcribe", audio_bytes, model="whisper-1")
    assert len(writes) > 2
    assert max(map(len, writes)) < len(audio_bytes)
    assert audio_bytes in server.requests[0].body


def test_nothing_is_left_before_a_read() -> None:
    """A read takes all that is held, if no empty write has ended the request."""
    stream = HeldWrites()
    assert stream.take_writes(b"head") == b""
    assert stream.take_writes() == b"head"
    assert stream.take_writes() == b""
