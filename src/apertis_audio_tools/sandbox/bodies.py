"""Request bodies: how large they may be, and the shapes that JSON and forms must have."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from apertis_audio_tools.sandbox import tables
from apertis_audio_tools.sandbox.refusals import Refusal, invalid, missing, unreadable

Shape = TypeVar("Shape", bound=BaseModel)


@asynccontextmanager
async def form_of(request: Request) -> AsyncIterator[FormData]:
    """Read a multipart form with one file, which lives on disk until the context ends.

    Raises:
        Refusal: 413 while it streams in, 400 invalid_request when it is no whole multipart body.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise unreadable("The request must be multipart/form-data.")
    parser = MultiPartParser(request.headers, _whole_multipart(request), max_files=1)
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError) as error:
        if isinstance(error, Refusal):
            raise
        raise unreadable(f"The multipart body could not be read: {error}") from None
    try:
        yield form
    finally:
        await form.close()


async def json_of(request: Request) -> Mapping[str, Any]:
    """Read a JSON object.

    Raises:
        Refusal: 413 while it streams in, 400 invalid_request when it is no JSON object.
    """
    try:
        content = b"".join([chunk async for chunk in _limited(request)])
        body = json.loads(content, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise unreadable("The request body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise unreadable("The request body must be a JSON object.")
    return body


def checked(shape: type[Shape], values: Mapping[str, Any], *, of_form: bool = False) -> Shape:
    """Check values against a shape: forms carry numbers as text, JSON must not.

    Raises:
        Refusal: 400 missing_parameter or invalid_parameter, naming the first one at fault.
    """
    try:
        return shape.model_validate(values, strict=not of_form)
    except ValidationError as error:
        _refuse(error, values)


def _refuse(error: ValidationError, values: Mapping[str, Any]) -> NoReturn:
    first = error.errors(include_url=False)[0]
    param = _path(first["loc"], values)
    if first["type"] == "missing":
        raise missing(f"{param}.{first['loc'][-1]}".removeprefix(".")) from None
    raise invalid(param, f"Invalid value for '{param}': {first['msg']}.") from None


def _path(steps: Sequence[int | str], value: Any) -> str:
    """The steps that can really be taken: among them are names of the alternatives tried."""
    path = ""
    for step in steps:
        if isinstance(value, list) and isinstance(step, int):
            path, value = f"{path}[{step}]", value[step]
        elif isinstance(value, Mapping) and step in value:
            path, value = f"{path}.{step}", value[step]
    return path.removeprefix(".")


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


class _TooLarge(Refusal, MultiPartException):
    """Also what the form parser cleans up after."""

    def __init__(self, size: int) -> None:
        limit = tables.MAX_REQUEST_BYTES
        message = f"Maximum content size limit ({limit}) exceeded ({size} bytes read)."
        super().__init__(413, "invalid_request", message)


async def _limited(request: Request) -> AsyncGenerator[bytes]:
    """The body as it comes in; what it announces or sends beyond the limit is not waited for."""
    _check_size(int(request.headers.get("content-length", 0)))
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        _check_size(received)
        yield chunk


async def _whole_multipart(request: Request) -> AsyncGenerator[bytes]:
    tail = b""
    try:
        async for chunk in _limited(request):
            tail = (tail + chunk)[-4:]
            yield chunk
    except ClientDisconnect:
        raise MultiPartException("it was interrupted.") from None
    if not tail.rstrip(b"\r\n").endswith(b"--"):
        raise MultiPartException("it ends before its last boundary.")


def _check_size(size: int) -> None:
    if size > tables.MAX_REQUEST_BYTES:
        raise _TooLarge(size)
