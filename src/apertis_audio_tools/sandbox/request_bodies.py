"""Read request bodies with a size limit, and validate JSON and forms."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import NoReturn, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from apertis_audio_tools.sandbox import tables
from apertis_audio_tools.sandbox.error_responses import (
    ErrorResponse,
    invalid_parameter,
    invalid_request,
    missing_parameter,
)

M = TypeVar("M", bound=BaseModel)


@asynccontextmanager
async def read_form(request: Request) -> AsyncIterator[FormData]:
    """Read a multipart form with one file, which is kept on disk until the context ends.

    Raise 413 while a body that is too large streams in, 400 invalid_request if it is incomplete.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise invalid_request("The request must be multipart/form-data.")
    parser = MultiPartParser(request.headers, _stream_multipart(request), max_files=1)
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError) as error:
        if isinstance(error, ErrorResponse):
            raise
        raise invalid_request(f"The multipart body could not be read: {error}") from None
    try:
        yield form
    finally:
        await form.close()


async def read_json(request: Request) -> dict[str, object]:
    """Read a JSON object; raise 413 if it is too large, 400 invalid_request if it is none."""
    try:
        content = b"".join([chunk async for chunk in _stream_body(request)])
        _check_values(content)
        body = json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise invalid_request("The request body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise invalid_request("The request body must be a JSON object.")
    return body


def validate(model: type[M], values: Mapping[str, object], *, is_form: bool = False) -> M:
    """Validate values against a model, or raise 400 for the first value at fault.

    Forms carry numbers as text; JSON must not.
    """
    try:
        return model.model_validate(values, strict=not is_form)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    param = _parameter_path(first["loc"], values)
    if first["type"] == "missing":
        raise missing_parameter(f"{param}.{first['loc'][-1]}".removeprefix("."))
    raise invalid_parameter(param, f"Invalid value for '{param}': {first['msg']}.")


def _parameter_path(steps: Sequence[int | str], value: object) -> str:
    """Return the path in the JSON, without the names of union members among pydantic's steps."""
    path = ""
    for step in steps:
        if isinstance(value, list) and isinstance(step, int):
            path, value = f"{path}[{step}]", value[step]
        elif isinstance(value, Mapping) and step in value:
            path, value = f"{path}.{step}", value[step]
    return path.removeprefix(".")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


class _TooLarge(ErrorResponse, MultiPartException):
    """413 error; also a `MultiPartException`, so that the form parser deletes its files."""

    def __init__(self, size: int) -> None:
        limit = tables.MAX_REQUEST_BYTES
        message = f"Maximum content size limit ({limit}) exceeded ({size} bytes read)."
        super().__init__(413, "invalid_request", message)


async def _stream_body(request: Request) -> AsyncGenerator[bytes]:
    """Yield the body as it arrives; stop once its announced or actual size is over the limit."""
    _check_size(int(request.headers.get("content-length", 0)))
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        _check_size(received)
        yield chunk


async def _stream_multipart(request: Request) -> AsyncGenerator[bytes]:
    tail = b""
    try:
        async for chunk in _stream_body(request):
            tail = (tail + chunk)[-4:]
            yield chunk
    except ClientDisconnect:
        raise MultiPartException("it was interrupted.") from None
    if not tail.rstrip(b"\r\n").endswith(b"--"):
        raise MultiPartException("it ends before its last boundary.")


def _check_values(content: bytes) -> None:
    """Limit the number of JSON values, each of which takes far more memory than its characters."""
    if sum(map(content.count, (b",", b"[", b"{"))) > tables.MAX_JSON_VALUES:
        message = f"The request body has more than {tables.MAX_JSON_VALUES} values."
        raise ErrorResponse(413, "invalid_request", message)


def _check_size(size: int) -> None:
    if size > tables.MAX_REQUEST_BYTES:
        raise _TooLarge(size)
