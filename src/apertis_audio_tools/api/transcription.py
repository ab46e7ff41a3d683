"""POST /audio/transcriptions and /audio/translations."""

import contextlib
import functools
import re
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic_core import from_json

from apertis_audio_tools import models
from apertis_audio_tools.api.call import (
    Call,
    multipart_body,
    parse_json,
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
_TEXT_TYPES = frozenset(
    {"", "text/plain", "text/vtt", "text/srt", "application/x-subrip", "application/octet-stream"}
)
_PAGE = re.compile(r"\s*<(?:!doctype|html|\?xml)", re.IGNORECASE)


def transcription_call(
    upload: Upload,
    options: TranscriptionOptions,
    *,
    capabilities: Capabilities,
    source: str,
    duration: float | None = None,
) -> Call[Transcript]:
    """Return the call that transcribes or translates one upload.

    Args:
        upload: Recording, or a piece of one.
        options: Options of the request.
        capabilities: Capabilities of the models.
        source: Name of the recording in the transcript.
        duration: Length of the upload in seconds.

    Raises:
        UnsupportedError: If the service is known to refuse it, or it is too large.
    """
    model, task = options.model, options.task
    response_format = options.response_format or capabilities.best_transcript_format(model, task)
    models.require_choice("response_format", response_format, models.TRANSCRIPT_FORMATS)
    models.require_range("temperature", options.temperature, models.TEMPERATURE_RANGE)
    capabilities.require(model, task, response_format)
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
    request = Request("POST", _PATHS[task], body, model=model)
    return Call(request, functools.partial(_read, about=empty, wanted=response_format))


class _Json(BaseModel):
    """The documented answer of ``json`` and ``verbose_json``."""

    model_config = ConfigDict(allow_inf_nan=False)

    text: str
    language: str | None = None
    duration: float | None = None
    segments: tuple[Segment, ...] | None = None
    usage: Any = None


def _read(answer: Response, *, about: Transcript, wanted: str) -> Transcript:
    raw = _decoded(answer)
    if wanted in {"json", "verbose_json"}:
        known = _from_json(parse_json(answer, _Json), about)
    else:
        known = _from_text(answer, _unwrapped(answer, raw), wanted)
    return about.model_copy(update={**known, **response_metadata(answer), "raw": raw})


def _from_json(body: _Json, about: Transcript) -> dict[str, Any]:
    return {
        "text": body.text.strip(),
        "segments": body.segments or (),
        "language": body.language or about.language,
        "duration": about.duration if body.duration is None else body.duration,
        "usage": parse_usage(body.usage) if body.usage else None,
    }


def _from_text(answer: Response, text: str, wanted: str) -> dict[str, Any]:
    if not answer.body and wanted != "srt":  # silence is a line end, or a header of WebVTT
        raise malformed_error(answer, f"with nothing in place of {wanted}")
    if wanted == "text":
        return {"text": text.strip()}
    cues = subtitles.parse_subtitles(text)
    if cues is None:
        raise malformed_error(answer, f"not with {wanted} subtitles")
    segments = tuple(
        Segment(id=number, start=cue.start, end=cue.end, text=cue.text)
        for number, cue in enumerate(cues)
    )
    return {"text": passages.join_texts(cue.text for cue in cues), "segments": segments}


def _decoded(answer: Response) -> str:
    with contextlib.suppress(UnicodeDecodeError):  # as a context, it would hold the whole body
        return answer.body.decode("utf-8-sig")
    raise malformed_error(answer, "the body is not UTF-8 text")


def _unwrapped(answer: Response, raw: str) -> str:
    """The text that was asked for, out of the JSON some gateways put around it."""
    is_json = answer.media_type == "application/json"
    if _PAGE.match(raw) or not (is_json or answer.media_type in _TEXT_TYPES):
        raise malformed_error(answer, f"with {answer.media_type or 'a page'} in place of text")
    if not is_json and not raw.lstrip().startswith(("{", '"')):
        return raw
    try:
        data = from_json(raw)
    except ValueError:
        if is_json:
            raise malformed_error(answer, "the body is not JSON") from None
        return raw
    text = data.get("text") if isinstance(data, dict) else data
    if not isinstance(text, str):
        raise malformed_error(answer, "there is no text in it")
    return text
