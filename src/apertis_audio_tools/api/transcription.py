"""POST /audio/transcriptions and /audio/translations."""

import functools

from apertis_audio_tools import models
from apertis_audio_tools.api.call import Call, multipart_body, require_size
from apertis_audio_tools.api.options import TranscriptionOptions
from apertis_audio_tools.api.request import Request, Upload
from apertis_audio_tools.api.transcript_reader import read_transcript
from apertis_audio_tools.models import Capabilities
from apertis_audio_tools.results import Transcript

_PATHS = {"transcribe": "/audio/transcriptions", "translate": "/audio/translations"}
_JSON_FORMATS = frozenset({"json", "verbose_json"})


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
    if options.wants_words:
        capabilities.require_word_times(model, task, response_format)
    capabilities.require_operation(model, task, response_format)
    capabilities.require_duration(model, duration)
    fields = {
        "model": model,
        "language": options.language,
        "prompt": options.prompt,
        "response_format": response_format,
        "temperature": options.temperature,
        # With words alone, services leave out the segments.
        "timestamp_granularities[]": ("segment", "word") if options.wants_words else None,
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
    return Call(
        request, functools.partial(read_transcript, empty=empty, response_format=response_format)
    )
