"""POST /audio/transcriptions and /audio/translations."""

import functools

from apertis_audio_tools import models
from apertis_audio_tools.api.call import Call, multipart_body, require_size
from apertis_audio_tools.api.options import ModelNeed, TranscriptionOptions
from apertis_audio_tools.api.request import Request, Upload
from apertis_audio_tools.api.transcript_reader import read_transcript
from apertis_audio_tools.models import Capabilities
from apertis_audio_tools.results import Transcript

_PATHS = {"transcribe": "/audio/transcriptions", "translate": "/audio/translations"}
_JSON_FORMATS = frozenset({"json", "verbose_json"})


def transcription_need(options: TranscriptionOptions) -> ModelNeed:
    """Return the abilities that a transcription or translation needs of its model."""
    return ModelNeed(
        operation=options.task,
        response_format=options.response_format,
        language=options.language,
    )


def transcription_call(
    upload: Upload,
    options: TranscriptionOptions,
    *,
    capabilities: Capabilities,
    source: str,
    duration: float | None = None,
    need: ModelNeed | None = None,
) -> Call[Transcript]:
    """Return the call that transcribes or translates one upload.

    The transcript is named after `source`. `duration` is that of the upload in seconds, if known.
    `need` are the abilities that were asked for, if they are fewer than those of the options.
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
        need=need or transcription_need(options),
        max_response_bytes=(
            models.MAX_JSON_RESPONSE_BYTES if is_json else models.MAX_TEXT_RESPONSE_BYTES
        ),
        audio_seconds=duration or 0.0,
    )
    return Call(
        request, functools.partial(read_transcript, empty=empty, response_format=response_format)
    )
