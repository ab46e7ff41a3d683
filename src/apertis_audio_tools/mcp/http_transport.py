"""Serve over streamable HTTP, on the loopback address and with a token."""

import contextlib
import hmac
import os
import re
import secrets
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from mcp.server import Server
from mcp.server.transport_security import TransportSecuritySettings
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from apertis_audio_tools.errors import ConfigurationError

ADDRESS = "127.0.0.1"
PATH = "/mcp"
_NAMES = (ADDRESS, "localhost")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32,256}")
_READ_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""Without O_NONBLOCK, opening a FIFO that has no writer would block forever."""
_GRACE_SECONDS = 5


def serve_http(
    server: Server[Any], *, port: int, token: str, on_ready: Callable[[str], object]
) -> None:
    """Serve any number of clients until the process is interrupted.

    Args:
        server: Server of the tools.
        port: TCP port; 0 means any free port.
        token: Token that each request must have as ``Authorization: Bearer``.
        on_ready: Function called with the URL as soon as requests are accepted.

    Raises:
        ConfigurationError: If the port is not free.
    """
    with _listen(port) as listener:
        bound = listener.getsockname()[1]
        app = make_http_app(server, port=bound, token=token)
        on_ready(f"http://{ADDRESS}:{bound}{PATH}")
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="on",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run([listener])


def make_http_app(server: Server[Any], *, port: int, token: str) -> ASGIApp:
    """Return the server as an ASGI application at ``/mcp``.

    A web page that makes its own host name resolve to the loopback address is refused by the Host
    header, one of another origin by the Origin header, and other users of this machine by the
    token.
    """
    hosts = [f"{name}:{port}" for name in _NAMES]
    security = TransportSecuritySettings(
        allowed_hosts=hosts, allowed_origins=[f"http://{host}" for host in hosts]
    )
    app = server.streamable_http_app(streamable_http_path=PATH, transport_security=security)
    return _TokenRequired(app, token)


class _TokenRequired:
    """Middleware that responds with 401 to requests without the token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request with the token."""
        if scope["type"] == "http":
            given = Headers(scope=scope).get("authorization", "").encode("latin-1")
            if not hmac.compare_digest(given, self._expected):
                refusal = PlainTextResponse(
                    "The token is missing or wrong.", 401, {"www-authenticate": "Bearer"}
                )
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


def make_token() -> str:
    """Return a random token."""
    return secrets.token_urlsafe(32)


def keep_token(path: Path) -> str:
    """Return the token in a file that only its owner can read; without the file, make both.

    Raises:
        ConfigurationError: If the file cannot be used, is a link, belongs to somebody else, can be
            read by others, or contains something else.
    """
    try:
        with contextlib.suppress(FileExistsError):
            new = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(new, "w", encoding="ascii") as file:
                file.write(make_token())
        existing = os.open(path, _READ_FLAGS)
        with os.fdopen(existing, encoding="ascii", errors="replace") as file:
            _require_private(path, os.fstat(existing))
            token = file.read(1_000).strip()
    except OSError as error:
        reason = error.strerror or error
        raise ConfigurationError(f"{path} cannot hold the token: {reason}.") from error
    if not _TOKEN.fullmatch(token):
        raise ConfigurationError(f"{path} contains no token; name a file that does not exist yet.")
    return token


def _require_private(path: Path, status: os.stat_result) -> None:
    has_owners = hasattr(os, "geteuid")  # Windows has other rights.
    is_open = has_owners and (status.st_mode & 0o077 or status.st_uid != os.geteuid())
    if not stat.S_ISREG(status.st_mode) or is_open:
        raise ConfigurationError(f"{path} must be a file that only you can read (chmod 600).")


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((ADDRESS, port))
    except OSError as error:
        raise ConfigurationError(
            f"Port {port} of {ADDRESS} is not free: choose another one, or 0 for any free port."
        ) from error
