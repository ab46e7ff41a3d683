"""Bytes that are read from a connection at once."""

import gzip
import json
import secrets
from typing import Any

import pytest
from httpcore._backends.anyio import AnyIOStream
from httpcore._backends.sync import SyncStream

from support.loopback_server import LoopbackServer
from support.scripted_responses import respond
from support.sync_async import Run

SMALL, LARGE = 16 * 1024, 256 * 1024
PADDING = secrets.token_hex(600 * 1024)  # more than is read while a request is being sent
MODELS = json.dumps({"data": [{"id": "whisper-1"}], "padding": PADDING}).encode()


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Record the size of each read of a connection."""
    found: list[int] = []
    sync_read, async_read = SyncStream.read, AnyIOStream.read

    def read(self: Any, max_bytes: int, timeout: float | None = None) -> bytes:
        found.append(max_bytes)
        return sync_read(self, max_bytes, timeout)

    async def aread(self: Any, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        found.append(max_bytes)
        return await async_read(self, max_bytes, timeout)

    monkeypatch.setattr(SyncStream, "read", read)
    monkeypatch.setattr(AnyIOStream, "read", aread)
    return found


def test_only_plain_bodies_are_read_in_large_steps(run: Run, sizes: list[int]) -> None:
    """A compressed body is read in small steps, also after a plain one on the same connection."""
    plain, compressed = (
        respond(200, MODELS),
        respond(200, gzip.compress(MODELS), content_encoding="gzip"),
    )
    with LoopbackServer([plain, compressed]) as server, server.client() as audio:
        run(audio, "models")
        assert sizes[0] == SMALL
        assert sizes[-1] == LARGE
        sizes.clear()
        run(audio, "models")
        assert set(sizes) == {SMALL}
