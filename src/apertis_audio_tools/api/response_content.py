"""Tell JSON, plain text and pages apart, by what a response holds and not by what it says."""

import codecs
import contextlib
import re
from dataclasses import replace

from pydantic_core import from_json

from apertis_audio_tools.api.json_limits import limit_values
from apertis_audio_tools.api.response import Response, malformed_error
from apertis_audio_tools.api.usage import USAGE_NAMES

_SPACES = re.compile(rb"\s*+")
_HEAD_BYTES = 1_000
_TAGS = "!doctype|!--|html|head|body|title|meta|script|style|center|h[1-6]|div|p|pre|br|error"
_PAGE = re.compile(rf"<(?:\?xml|(?:{_TAGS})(?![\w-]))", re.IGNORECASE)
_MARKUP = re.compile(r"<[!?/a-z]", re.IGNORECASE)
"""The beginning of a page, if the response says that it is one."""
_JSON = re.compile(r"[\[{\"\d-]|true|false|null|NaN|Infinity")
_WRAPPED = re.compile(r"[\[{\"]")
_DAMAGED_JSON = re.compile(r"\{\s*+[\"}]|\[\s*+(?:\{|\[\s*+\[)")
_LONE_SURROGATE = re.compile(
    r"(?<!\\)((?:\\\\)*+)(?:\\u[dD][89abAB][\da-fA-F]{2}(?!\\u[dD][c-fC-F])"
    r"|(?<!\\u[dD][89abAB][\da-fA-F]{2})\\u[dD][c-fC-F][\da-fA-F]{2})"
)
_MAX_SURROGATES = 10_000
_READ_NAMES = USAGE_NAMES | {"detail", "error", "languages"}
"""Names of lists and objects that are read besides segments and words."""


def read_content(response: Response, response_format: str) -> object:
    """Return the value of a JSON body; of any other body, its text.

    Where text was requested and is not said to be JSON, a bare number is text too.

    Raises:
        MalformedResponseError: If it is a page, damaged JSON, binary data or nothing at all.
    """
    body = response.body.removeprefix(codecs.BOM_UTF8)
    _require_content(response, body, response_format)
    start = _SPACES.match(body).end()  # type: ignore[union-attr]  # it matches everywhere
    head = body[start : start + _HEAD_BYTES].decode("utf-8", errors="replace")
    _require_no_page(response, head)
    is_plain = response_format == "text" and not _is_json(response)
    if not (_WRAPPED if is_plain else _JSON).match(head):
        return decode_text(response)
    limited = replace(response, body=_limit_values(response))
    with contextlib.suppress(ValueError):
        return from_json(limited.body.removeprefix(codecs.BOM_UTF8))
    text = decode_text(limited)
    with contextlib.suppress(ValueError):
        return from_json(_LONE_SURROGATE.sub(r"\1\\ufffd", text, count=_MAX_SURROGATES))
    if _DAMAGED_JSON.match(head):
        raise malformed_error(response, "the body is not JSON")
    return decode_text(response)


def _limit_values(response: Response) -> bytes:
    """Return JSON with few values: without those that nobody reads, words, or even segments."""
    segments = {"segments", "tokens"}
    for names in ({*segments, "words"}, segments, set[str]()):
        body = limit_values(response.body, _READ_NAMES | names)
        if body is not None:
            return body
    raise malformed_error(response, "with far more values than it needs")


def decode_text(response: Response) -> str:
    """Return a body as text, or raise `MalformedResponseError`."""
    with contextlib.suppress(UnicodeDecodeError):  # as a context, it would hold the whole body
        return response.body.decode("utf-8-sig")
    raise malformed_error(response, "the body is not UTF-8 text")


def _require_content(response: Response, body: bytes, response_format: str) -> None:
    if not body or body.isspace():  # silence has a line end, or a header
        is_silence = response_format == "srt" or (body and response_format in {"text", "vtt"})
        if not is_silence or _is_json(response):
            raise malformed_error(response, f"with nothing in place of {response_format}")
    if response.media_type == "text/event-stream" or b"\0" in body:
        raise malformed_error(response, f"with {response.media_type or 'data'} in place of text")


def _require_no_page(response: Response, head: str) -> None:
    is_markup = "html" in response.media_type or "xml" in response.media_type
    if (_MARKUP if is_markup else _PAGE).match(head):
        raise malformed_error(response, "with a page in place of text")


def _is_json(response: Response) -> bool:
    return response.media_type == "application/json" or response.media_type.endswith("+json")
