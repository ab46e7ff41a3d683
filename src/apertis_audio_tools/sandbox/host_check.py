"""Refuse requests whose Host header does not name this machine.

Without this check, a web page could make its own host name resolve to the loopback address (DNS
rebinding), and a browser would let it read what the sandbox responds.
"""

import ipaddress
import re
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from apertis_audio_tools.sandbox.error_responses import ErrorResponse

_HOST: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+))(?::[0-9]+)?")
_SHOWN: Final = 100


class LoopbackHostsOnly:
    """Middleware that responds with 421 unless the Host header names a loopback address."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request for this machine; refuse any other."""
        host = Headers(scope=scope).get("host", "")
        app = self._app if is_loopback_host(host) else _refusal(host).to_response()
        await app(scope, receive, send)


def is_loopback_host(host: str) -> bool:
    """Return True if a Host header, with or without a port, names the loopback interface."""
    if (match := _HOST.fullmatch(host)) is None:
        return False
    name = match[1] or match[2]
    try:
        return name.lower() == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _refusal(host: str) -> ErrorResponse:
    named = f"names '{host[:_SHOWN]}'" if host else "is missing"
    message = (
        f"The Host header {named}: the sandbox serves this machine only. "
        "Use localhost or 127.0.0.1 in the base URL."
    )
    return ErrorResponse(421, "invalid_request", message)
