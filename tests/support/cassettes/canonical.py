"""The canonical form in which cassettes keep requests and responses.

Requests are brought into this form when they are recorded, loaded and compared, so every function
here returns its own results unchanged.
"""

import base64
import hashlib
import json
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.policy import HTTP
from typing import Any
from urllib.parse import urlsplit

from vcr.request import Request  # type: ignore[import-untyped]

CANONICAL_ORIGIN = "https://api.apertis.ai"
REQUEST_HEADERS = frozenset({"accept", "content-type"})
RESPONSE_HEADERS = frozenset(
    {
        "content-encoding",
        "content-length",
        "content-type",
        "date",
        "retry-after",
        "retry-after-ms",
        "server",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
        "x-request-id",
        "x-should-retry",
    }
)
MAX_BASE64_CHARACTERS = 256
"""Base64 characters that a stored request may contain; longer texts are audio."""


def canonical_request(request: Request) -> Request:
    """Return a request without host, key, boundary and audio, its body as sorted JSON."""
    url = urlsplit(request.uri)
    content_type = request.headers.get("content-type", "")
    headers = {name.lower(): value for name, value in request.headers.items()}
    if content_type:
        headers["content-type"] = media_type(content_type)
    return Request(
        request.method,
        url._replace(scheme="https", netloc=urlsplit(CANONICAL_ORIGIN).netloc).geturl(),
        canonical_body(content_type, request.body or b""),
        {name: headers[name] for name in sorted(REQUEST_HEADERS & headers.keys())},
    )


def clean_response(response: dict[str, Any]) -> dict[str, Any]:
    """Return a response with the relevant headers only: no cookies, no names of accounts."""
    headers = {name.lower(): values for name, values in response["headers"].items()}
    kept = {name: headers[name] for name in sorted(RESPONSE_HEADERS & headers.keys())}
    return {**response, "headers": kept}


def media_type(content_type: str) -> str:
    """Return a content type without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def canonical_body(content_type: str, body: bytes) -> bytes:
    """Return a body as readable JSON, or unchanged if it does not match its content type."""
    if media_type(content_type) == "multipart/form-data":
        return _canonical_form(content_type, body)
    try:
        return _readable(_without_audio(json.loads(body)))
    except ValueError:
        return body


def _canonical_form(content_type: str, body: bytes) -> bytes:
    boundary = _message(f"Content-Type: {content_type}".encode()).get_boundary()
    preamble, *parts = (b"\r\n" + body).split(f"\r\n--{boundary}".encode())
    if preamble or not parts or not parts.pop().startswith(b"--"):
        return body
    return _readable(sorted(map(_canonical_part, parts), key=_readable))


def _canonical_part(part: bytes) -> dict[str, Any]:
    head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    described = _message(head)
    name = described.get_param("name", header="content-disposition")
    if described.get_filename() is None:
        return {"name": name, "value": content.decode("utf-8", "backslashreplace")}
    return {
        "name": name,
        "filename": described.get_filename(),
        "content_type": described.get_content_type(),
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def _message(head: bytes) -> EmailMessage:
    """Parse headers alone, as the email package needs seconds for the body of a large upload."""
    return BytesHeaderParser(policy=HTTP).parsebytes(head + b"\r\n\r\n")


def _without_audio(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_audio(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_audio(inner) for inner in value]
    if isinstance(value, str) and len(value) > MAX_BASE64_CHARACTERS:
        return _audio_digest(value)
    return value


def _audio_digest(text: str) -> str:
    try:
        audio = base64.b64decode(text, validate=True)
    except ValueError:
        return text
    return f"<audio {len(audio)} bytes sha256 {hashlib.sha256(audio).hexdigest()}>"


def _readable(value: Any) -> bytes:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False).encode()
