"""POST /audio/transcriptions and /audio/translations."""

import codecs
import contextlib
import functools
import re
from typing import Annotated

from pydantic import (
    BaseModel,
    ConfigDict,
    FailFast,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import from_json

from apertis_audio_tools import models
from apertis_audio_tools.api.call import (
    Call,
    multipart_body,
    parse_json,
    require_few_values,
    require_size,
    response_metadata,
)
from apertis_audio_tools.api.options import TranscriptionOptions
from apertis_audio_tools.api.request import Request, Upload
from apertis_audio_tools.api.response import Response, malformed_error
from apertis_audio_tools.api.usage import parse_usage
from apertis_audio_tools.models import Capabilities
from apertis_audio_tools.results import Segment, Transcript
from apertis_audio_tools.text import passages, subtitles

_PATHS = {"transcribe": "/audio/transcriptions", "translate": "/audio/translations"}
_JSON_FORMATS = frozenset({"json", "verbose_json"})
_TEXT_TYPES = frozenset(
    {"", "text/plain", "text/vtt", "text/srt", "application/x-subrip", "application/octet-stream"}
)
_MAX_SEGMENTS = 30_000
"""Several times what the seven hours have that fit into one request."""
_HTML = re.compile(r"\s*<(?:!doctype|html|\?xml)", re.IGNORECASE)


def transcription_call(
    upload: Upload,
    options: TranscriptionOptions,
    *,
    capabilities: Capabilities,
    source: str,
    duration: float | None = None,
) -> Call[Transcript]:
    """Return the call that transcribes or translates one upload.

    The transcript is named after `source`. `duration` is that of the upload in seconds, if known.
    """
    model, task = options.model, options.task
    response_format = options.response_format or capabilities.best_transcript_format(model, task)
    models.require_choice("response_format", response_format, models.TRANSCRIPT_FORMATS)
    models.require_range("temperature", options.temperature, models.TEMPERATURE_RANGE)
    capabilities.require_operation(model, task, response_format)
    capabilities.require_duration(model, duration)
    fields = {
        "model": model,
        "language": options.language,
        "prompt": options.prompt,
        "response_format": response_format,
        "temperature": options.temperature,
    }
    body = multipart_body(fields, upload)
    require_size(
        body, f"{upload.name} has {upload.size} bytes and", "Compress it or send it in parts"
    )
    empty = Transcript(
        text="",
        task=task,
        model=model,
        source=source,
        duration=duration,
        language=options.language,
    )
    is_json = response_format in _JSON_FORMATS
    request = Request(
        "POST",
        _PATHS[task],
        body,
        model=model,
        max_response_bytes=(
            models.MAX_JSON_RESPONSE_BYTES if is_json else models.MAX_TEXT_RESPONSE_BYTES
        ),
    )
    return Call(request, functools.partial(_read, empty=empty, response_format=response_format))


def _none_if_invalid(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    """Return None for an invalid value of a field that is not worth a paid transcript."""
    try:
        return handler(value)
    except ValidationError:
        return None


_Optional = WrapValidator(_none_if_invalid)


class _TranscriptionBody(BaseModel):
    """Documented response of ``json`` and ``verbose_json``."""

    model_config = ConfigDict(allow_inf_nan=False)

    text: str
    language: Annotated[str | None, _Optional] = None
    duration: Annotated[float | None, _Optional] = None
    segments: Annotated[tuple[Segment, ...] | None, FailFast(), Field(max_length=_MAX_SEGMENTS)] = (
        None
    )
    usage: object = None


def _read(response: Response, *, empty: Transcript, response_format: str) -> Transcript:
    raw = _decode_text(response)
    if response_format in _JSON_FORMATS:
        fields = _from_json(parse_json(response, _TranscriptionBody), empty)
    else:
        fields = _from_text(response, _unwrap_json(response, raw), response_format)
    return empty.model_copy(update={**fields, **response_metadata(response), "raw": raw})


def _from_json(body: _TranscriptionBody, empty: Transcript) -> dict[str, object]:
    return {
        "text": body.text.strip(),
        "segments": body.segments or (),
        "language": body.language or empty.language,
        "duration": empty.duration if body.duration is None else body.duration,
        "usage": parse_usage(body.usage) if body.usage else None,
    }


def _from_text(response: Response, text: str, response_format: str) -> dict[str, object]:
    if not response.body and response_format != "srt":  # silence has a line end, or a header
        raise malformed_error(response, f"with nothing in place of {response_format}")
    if response_format == "text":
        return {"text": text.strip()}
    if text.count("-->") > _MAX_SEGMENTS:
        raise malformed_error(response, f"with more than {_MAX_SEGMENTS} subtitles")
    cues = subtitles.parse_subtitles(text)
    if cues is None:
        raise malformed_error(response, f"not with {response_format} subtitles")
    segments = tuple(
        Segment(id=number, start=cue.start, end=cue.end, text=cue.text)
        for number, cue in enumerate(cues)
    )
    return {"text": passages.join_texts(cue.text for cue in cues), "segments": segments}


def _decode_text(response: Response) -> str:
    with contextlib.suppress(UnicodeDecodeError):  # as a context, it would hold the whole body
        return response.body.decode("utf-8-sig")
    raise malformed_error(response, "the body is not UTF-8 text")


def _unwrap_json(response: Response, raw: str) -> str:
    """Return the text of a response, which some gateways wrap in JSON."""
    is_json = response.media_type == "application/json"
    if _HTML.match(raw) or not (is_json or response.media_type in _TEXT_TYPES):
        raise malformed_error(response, f"with {response.media_type or 'a page'} in place of text")
    if not is_json and not raw.lstrip().startswith(("{", '"')):
        return raw
    body = require_few_values(response, ())
    try:
        data = from_json(body.removeprefix(codecs.BOM_UTF8))
    except ValueError:
        if is_json:
            raise malformed_error(response, "the body is not JSON") from None
        return raw
    text = data.get("text") if isinstance(data, dict) else data
    if not isinstance(text, str):
        raise malformed_error(response, "there is no text in it")
    return text
