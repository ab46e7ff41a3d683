"""Responses that contradict a test, or the audit: kept in a folder beside the cassettes.

They are why a recording run fails, and so worth more than those that were expected. They have the
form of cassettes, and contain neither keys nor uploaded audio. The folder is not in git.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from vcr.request import Request  # type: ignore[import-untyped]

from apertis_audio_tools.transport.key_redaction import make_redactor
from support.cassettes.storage import pack, write_files

FOLDER = "contradictions"
LIKE_A_KEY = re.compile(r"\bsk-[A-Za-z0-9_-]{8,}|\b[Bb]earer\s+[A-Za-z0-9._~+/-]{8,}")
_REPLACEMENT = "[API key]"


def folder(cassettes: Path) -> Path:
    """Return the folder of contradictions that belongs to a folder of cassettes."""
    return cassettes.parent / FOLDER


def keep(
    root: Path,
    name: str,
    requests: list[Request],
    responses: list[dict[str, Any]],
    secret: str | None,
) -> None:
    """Write the exchanges of a test, without the key in any form, and without what looks like one.

    Args:
        root: Folder of contradictions.
        name: Path of the cassette that was not written.
        requests: Requests in canonical form, which has no audio.
        responses: Responses in the form that cassettes keep.
        secret: API key in use.
    """
    if not responses:
        return
    redact = _redactor(secret)
    write_files(
        root,
        name,
        *pack(
            [_redacted_request(request, redact) for request in requests],
            [_redacted_response(response, redact) for response in responses],
        ),
    )


def discard(root: Path, name: str) -> None:
    """Delete what an earlier run kept of a test."""
    (root / name).unlink(missing_ok=True)


def _redactor(secret: str | None) -> Callable[[str], str]:
    redact = make_redactor(SecretStr(secret)) if secret else str
    return lambda text: LIKE_A_KEY.sub(_REPLACEMENT, redact(text))


def _redacted_request(request: Request, redact: Callable[[str], str]) -> Request:
    body = _redacted_bytes(request.body or b"", redact)
    return Request(request.method, redact(request.uri), body, dict(request.headers))


def _redacted_response(response: dict[str, Any], redact: Callable[[str], str]) -> dict[str, Any]:
    headers = {name: [*map(redact, values)] for name, values in response["headers"].items()}
    status = {**response["status"], "message": redact(response["status"]["message"])}
    body = {"string": _redacted_bytes(response["body"]["string"], redact)}
    return {"status": status, "headers": headers, "body": body}


def _redacted_bytes(content: bytes, redact: Callable[[str], str]) -> bytes:
    return redact(content.decode("latin-1")).encode("latin-1")
