"""Clients of the SDK, connected to an MCP server over each transport."""

import contextlib
import os
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import uvicorn
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.server import Server
from mcp_types import CallToolResult, TextContent

from apertis_audio_tools import ApertisAudio, FileAccess
from apertis_audio_tools.api.options import TranscriptionOptions
from apertis_audio_tools.mcp import make_http_app, make_server
from support.timeouts import TIMEOUT

KEY = "sk-mcp-0123456789"
TOKEN = "token-of-a-test-0123456789-0123456789"


@dataclass(frozen=True)
class Granted:
    """Arguments of a server: the service it uses, and the folders that it may use."""

    base_url: str
    folder: Path | None = None
    output: Path | None = None
    piece_seconds: float | None = None
    cache: Path | None = None
    max_audio_seconds: float | None = None

    def make_server(self, **options: Any) -> Server[dict[str, object]]:
        """Return a server in this process, which opens recordings in no other process."""
        client = ApertisAudio(
            KEY,
            base_url=self.base_url,
            cache=self.cache or False,
            max_audio_seconds=self.max_audio_seconds,
        )
        access = FileAccess(self.folder or (), output=self.output, isolate_probe=False)
        transcription = TranscriptionOptions(piece_seconds=self.piece_seconds)
        return make_server(client, access, options=transcription, **options)

    def parameters(self) -> StdioServerParameters:
        """Return the command line of a server in a process of its own."""
        options = {
            "--folder": self.folder,
            "--output": self.output,
            "--piece-seconds": self.piece_seconds,
            "--max-audio-seconds": self.max_audio_seconds,
            "--model": "whisper-1",  # so that no list of models is asked for, as in this process
        }
        given = [(name, str(value)) for name, value in options.items() if value is not None]
        variables = {
            "APERTIS_API_KEY": KEY,
            "APERTIS_AUDIO_CACHE": str(self.cache or 0),
            "APERTIS_BASE_URL": self.base_url,
        }
        return StdioServerParameters(
            command=sys.executable,
            args=["-m", "apertis_audio_tools", "mcp", *(word for pair in given for word in pair)],
            env={**os.environ, **variables},
        )


Connect = Callable[..., AbstractAsyncContextManager[Client]]


@contextlib.asynccontextmanager
async def connect_stdio(granted: Granted, **options: Any) -> AsyncIterator[Client]:
    """Start a server and yield a client of its standard input and output."""
    async with Client(granted.parameters(), **options) as client:
        yield client


@contextlib.asynccontextmanager
async def connect_http(granted: Granted, **options: Any) -> AsyncIterator[Client]:
    """Serve from a thread of this process, and yield a client."""
    with serving(granted.make_server()) as url:
        async with connect_url(url, **options) as client:
            yield client


@contextlib.asynccontextmanager
async def connect_url(url: str, token: str = TOKEN, **options: Any) -> AsyncIterator[Client]:
    """Yield a client of a server that serves HTTP."""
    headers = {"authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=TIMEOUT) as http_client,
        Client(streamable_http_client(url, http_client=http_client), **options) as client,
    ):
        yield client


CONNECTIONS: dict[str, Connect] = {"stdio": connect_stdio, "http": connect_http}


@contextlib.contextmanager
def serving(server: Server[Any]) -> Iterator[str]:
    """Serve HTTP from a thread, and yield the URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        app = make_http_app(server, port=port, token=TOKEN)
        config = uvicorn.Config(app, log_config=None, ws="none", timeout_graceful_shutdown=1)
        running = uvicorn.Server(config)
        thread = threading.Thread(target=running.run, args=([listener],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            running.should_exit = True
            thread.join(TIMEOUT)


@dataclass
class ProgressLog:
    """Callback that records the progress of a call, and calls `then` each time."""

    values: list[float] = field(default_factory=list)
    totals: set[float | None] = field(default_factory=set)
    then: Callable[["ProgressLog"], object] = lambda _: None

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        """Record a notification."""
        assert message is None or " of " in message
        self.values.append(progress)
        self.totals.add(total)
        self.then(self)


def text_of(result: CallToolResult) -> str:
    """Return the text of a result that has nothing else."""
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text
