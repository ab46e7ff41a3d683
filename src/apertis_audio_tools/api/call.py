"""Calls, and the bodies of their requests and responses."""

import codecs
import functools
import itertools
import json
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from apertis_audio_tools import models
from apertis_audio_tools.api.json_limits import limit_values
from apertis_audio_tools.api.request import (
    AsciiText,
    Base64Upload,
    BodyPart,
    Request,
    RequestBody,
    Upload,
)
from apertis_audio_tools.api.response import Response, malformed_error
from apertis_audio_tools.api.usage import USAGE_NAMES
from apertis_audio_tools.errors import UnsupportedError

R_co = TypeVar("R_co", covariant=True)
M = TypeVar("M", bound=BaseModel)

# Some servers take a backslash for an escape, and a semicolon for the end of the name.
_FILE_NAME_ESCAPES = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A", "\\": "_", ";": "_"})


@dataclass(frozen=True, slots=True)
class Call(Generic[R_co]):
    """Request, and the function that reads its response or raises `MalformedResponseError`.

    Attributes:
        is_text: True if the response is text alone, so that reading a short one takes no time.
    """

    request: Request
    read: Callable[[Response], R_co]
    is_text: bool = False


class StreamReader(Protocol[R_co]):
    """Reader of a response that is still arriving."""

    @property
    def content_bytes(self) -> int:
        """Number of bytes of content so far, without what only keeps the connection open."""

    def feed(self, chunk: bytes, /) -> Iterable[R_co]:
        """Return the items that are complete with this chunk of the body."""

    def finish(self) -> Sequence[R_co]:
        """Return the items that the end of the body completes, or raise an `APIError`."""


@dataclass(frozen=True, slots=True)
class StreamCall(Generic[R_co]):
    """Request, and the function that makes a reader from the head of its response."""

    request: Request
    reader: Callable[[Response], StreamReader[R_co]]


def multipart_body(
    fields: Mapping[str, str | float | tuple[str, ...] | None], upload: Upload
) -> RequestBody:
    """Return a multipart form that streams one file.

    Fields that are None are left out, and those with several values are repeated.
    """
    boundary = secrets.token_hex(16)
    head = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{each}\r\n'
        for name, value in fields.items()
        for each in (value if isinstance(value, tuple) else (value,))
        if each is not None
    )
    head += (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; '
        f'filename="{upload.name.translate(_FILE_NAME_ESCAPES)}"\r\n'
        f"Content-Type: {upload.media_type}\r\n\r\n"
    )
    tail = f"\r\n--{boundary}--\r\n"
    parts = (_utf8(head), upload, _utf8(tail))
    return RequestBody(f"multipart/form-data; boundary={boundary}", parts)


def json_body(payload: Mapping[str, object]) -> RequestBody:
    """Return JSON in which each `Upload` streams as base64 and each `AsciiText` as it is.

    Fields that are None are left out. A value without a JSON form raises `UnsupportedError`.
    """
    streamed: list[BodyPart] = []
    placeholder = secrets.token_hex(16)

    def encode(value: object) -> object:
        if isinstance(value, Mapping):
            return dict(value)
        if not isinstance(value, Upload | AsciiText):
            raise UnsupportedError(f"A {type(value).__name__} cannot be sent as JSON.")
        streamed.append(Base64Upload(value) if isinstance(value, Upload) else value)
        return placeholder

    fields = {name: value for name, value in payload.items() if value is not None}
    try:
        text = json.dumps(fields, default=encode, ensure_ascii=False, allow_nan=False)
    except (ValueError, TypeError, RecursionError) as error:
        raise UnsupportedError(f"This cannot be sent as JSON: {error}.") from None
    first, *others = _utf8(text).split(placeholder.encode())
    parts: list[BodyPart] = [first]
    for part, following in zip(streamed, others, strict=True):
        parts += [part, following]
    return RequestBody("application/json", tuple(parts))


def require_size(body: RequestBody, subject: str, advice: str) -> None:
    """Raise `UnsupportedError` for a body that the service would not even read to its end.

    The message begins with `subject` and ends with `advice`.
    """
    if body.size > models.MAX_UPLOAD_BYTES:
        raise UnsupportedError(
            f"{subject} would make a request of {body.size} bytes; the service accepts "
            f"{models.MAX_UPLOAD_BYTES}. {advice}."
        )


def parse_json(response: Response, model: type[M]) -> M:
    """Return the JSON body of a response as a model, or raise `MalformedResponseError`."""
    body = require_few_values(response, _field_names(model) | USAGE_NAMES)
    try:
        return model.model_validate_json(body.removeprefix(codecs.BOM_UTF8))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(step) for step in first["loc"])
        problem = f"at {field!r}: {first['msg']}" if field else str(first["msg"])
    # Raised out here, because the other error would be its context and holds the whole body.
    raise malformed_error(response, f"not as documented, {problem}")


def require_few_values(response: Response, names: Collection[str]) -> bytes:
    """Return the JSON body of a response, with no other large values than those of the names.

    Raises:
        MalformedResponseError: If it would still take too much memory.
    """
    body = limit_values(response.body, names)
    if body is None:
        raise malformed_error(response, "with far more values than it needs")
    return body


@functools.cache
def _field_names(model: type[BaseModel]) -> frozenset[str]:
    """Return the names of the fields of a model and of the models in it.

    Fields of any type are left out: no reply is lost because of its log probabilities.
    """
    schema = model.model_json_schema()
    parts = [schema, *schema.get("$defs", {}).values()]
    fields = itertools.chain.from_iterable(part.get("properties", {}).items() for part in parts)
    return frozenset(name for name, field in fields if {"type", "anyOf", "$ref"} & field.keys())


def response_metadata(response: Response) -> dict[str, str | None]:
    """Return the fields that all results have in common."""
    return {"request_id": response.request_id, "server": response.headers.get("server")}


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise UnsupportedError(
            f"The text to send contains a lone surrogate, {text[error.start]!a}; remove it."
        ) from None
