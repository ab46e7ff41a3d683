"""Options of connections, checked without httpx, which takes long to import."""

import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

from apertis_audio_tools.errors import ConfigurationError

Verify = bool | str | os.PathLike[str] | ssl.SSLContext
"""Proof of identity demanded of servers: the usual authorities (True), those of a file, those of a
context, or not at all (False)."""

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OWN_HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "cookie",
        "host",
        "proxy-authorization",
        "transfer-encoding",
    }
)
"""Headers that the client sets itself, or that change where a request goes or who it is from."""


@dataclass(frozen=True, slots=True)
class ConnectionOptions:
    """Options of all connections of a client.

    Attributes:
        headers: Further headers of every request.
        proxy: URL of the proxy. Defaults to the proxy of the environment.
        verify: How servers prove their identity.

    Raises:
        ConfigurationError: If a header is one that the client sets itself, or cannot be sent.
    """

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    proxy: str | None = field(default=None, repr=False)
    verify: Verify = True

    def __post_init__(self) -> None:
        for name, value in self.headers.items():
            _require_header(name, value)


def _require_header(name: object, value: object) -> None:
    if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
        raise ConfigurationError("default_headers has a name that no header can have.")
    if name.lower() in _OWN_HEADERS:
        raise ConfigurationError(f"default_headers cannot have {name}: the client sets it itself.")
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise ConfigurationError(
            f"The value of {name} in default_headers must be ASCII text in one line."
        )
