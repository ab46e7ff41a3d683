"""A call, and the bodies calls are made of."""

import codecs
import json
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from apertis_audio_tools import models
from apertis_audio_tools.api.request import (
    AsciiText,
    Base64Upload,
    BodyPart,
    Request,
    RequestBody,
    Upload,
)
from apertis_audio_tools.api.response import Response, malformed_error
from apertis_audio_tools.errors import UnsupportedError

R_co = TypeVar("R_co", covariant=True)
M = TypeVar("M", bound=BaseModel)

_ESCAPED = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


@dataclass(frozen=True, slots=True)
class Call(Generic[R_co]):
    """What to send, and how to read the answer."""

    request: Request
    read: Callable[[Response], R_co]


class StreamReader(Protocol[R_co]):
    """Reads an answer as it arrives."""

    def feed(self, chunk: bytes, /) -> Iterable[R_co]:
        """What is complete with this chunk."""

    def finish(self) -> Sequence[R_co]:
        """What only the end of the body completes; fails when something is missing."""


@dataclass(frozen=True, slots=True)
class StreamCall(Generic[R_co]):
    """What to send, and who reads the answer while it arrives."""

    request: Request
    reader: Callable[[Response], StreamReader[R_co]]


def multipart_body(fields: Mapping[str, str | float | None], upload: Upload) -> RequestBody:
    """A multipart form that streams one file; fields that are None are left out."""
    boundary = secrets.token_hex(16)
    head = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
        if value is not None
    )
    head += (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; '
        f'filename="{upload.name.translate(_ESCAPED)}"\r\nContent-Type: {upload.media_type}\r\n\r\n'
    )
    tail = f"\r\n--{boundary}--\r\n"
    parts = (_utf8(head), upload, _utf8(tail))
    return RequestBody(f"multipart/form-data; boundary={boundary}", parts)


def json_body(payload: Mapping[str, Any]) -> RequestBody:
    """JSON in which each `Upload` streams as base64 and each `Ascii` as it is.

    Raises:
        UnsupportedError: Something in it has no JSON form.
    """
    streamed: list[BodyPart] = []
    mark = secrets.token_hex(16)

    def place(value: object) -> object:
        if isinstance(value, Mapping):
            return dict(value)
        if not isinstance(value, Upload | AsciiText):
            raise UnsupportedError(f"A {type(value).__name__} cannot be sent as JSON.")
        streamed.append(Base64Upload(value) if isinstance(value, Upload) else value)
        return mark

    given = {name: value for name, value in payload.items() if value is not None}
    try:
        text = json.dumps(given, default=place, ensure_ascii=False, allow_nan=False)
    except (ValueError, TypeError, RecursionError) as error:
        raise UnsupportedError(f"This cannot be sent as JSON: {error}.") from None
    pieces = _utf8(text).split(mark.encode())
    parts: list[BodyPart] = [pieces[0]]
    for part, piece in zip(streamed, pieces[1:], strict=True):
        parts += [part, piece]
    return RequestBody("application/json", tuple(parts))


def require_size(body: RequestBody, what: str, advice: str) -> None:
    """Refuse what the service would not even read to its end.

    Raises:
        UnsupportedError: The body is larger than a request may be.
    """
    if body.size > models.MAX_UPLOAD_BYTES:
        raise UnsupportedError(
            f"{what} would make a request of {body.size}; the service takes "
            f"{models.MAX_UPLOAD_BYTES} bytes. {advice}."
        )


def parse_json(answer: Response, shape: type[M]) -> M:
    """The body of an answer as a checked value.

    Raises:
        MalformedResponseError: It is not JSON of that shape.
    """
    try:
        return shape.model_validate_json(answer.body.removeprefix(codecs.BOM_UTF8))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        what = f"at {place!r}: {first['msg']}" if place else str(first["msg"])
    # Raised out here: as its context, the other error would hold the whole body.
    raise malformed_error(answer, f"not as documented, {what}")


def response_metadata(answer: Response) -> dict[str, str | None]:
    """What every result says of its answer."""
    return {"request_id": answer.request_id, "server": answer.headers.get("server")}


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise UnsupportedError(
            f"The text holds half a character (a lone surrogate) at {error.start}."
        ) from None
