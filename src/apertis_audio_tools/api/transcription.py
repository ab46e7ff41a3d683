"""POST /audio/transcriptions and /audio/translations."""

import functools
import re

from apertis_audio_tools import models
from apertis_audio_tools.api.call import Call, multipart_body, require_size
from apertis_audio_tools.api.options import ModelNeed, TranscriptionOptions
from apertis_audio_tools.api.request import Request, Upload
from apertis_audio_tools.api.transcript_reader import read_transcript
from apertis_audio_tools.errors import UnsupportedError
from apertis_audio_tools.models import Capabilities
from apertis_audio_tools.results import Transcript

_PATHS = {"transcribe": "/audio/transcriptions", "translate": "/audio/translations"}
_LANGUAGE = re.compile("[a-z]{2}")
_JSON_FORMATS = frozenset({"json", "verbose_json"})


def check_terms(options: TranscriptionOptions) -> None:
    """Raise `UnsupportedError` for languages and keywords that no service accepts."""
    codes: list[object] = [*options.languages, options.to]
    words: list[object] = [*options.keywords]
    for code in codes:
        if not isinstance(code, str) or not _LANGUAGE.fullmatch(code):
            raise UnsupportedError(f"{code!r:.50} is not an ISO 639-1 code, such as de.")
    if options.language and options.languages:
        raise UnsupportedError("Pass either language or languages, not both.")
    for word in words:
        if not isinstance(word, str) or not word.strip() or not word.isprintable():
            raise UnsupportedError(f"The keyword {word!r:.100} is not a text in one line.")
        if {"<", ">"} & {*word}:
            raise UnsupportedError(f"The keyword {word!r:.100} has < or >; leave them out.")


def _language_fields(
    options: TranscriptionOptions, capabilities: Capabilities
) -> dict[str, str | tuple[str, ...] | None]:
    """Return the languages by the name that the model has for them."""
    codes = options.languages or ((options.language,) if options.language else ())
    row = capabilities.models.get(options.model)
    if row and row.languages:
        return {"languages[]": tuple(codes)}
    if len(codes) < 2:  # noqa: PLR2004  # one is sent as `language`
        return {"language": codes[0] if codes else None}
    if row:
        capabilities.require_languages(options.model)
    return {"languages[]": tuple(codes)}


def _keyword_fields(
    options: TranscriptionOptions, capabilities: Capabilities
) -> dict[str, str | tuple[str, ...] | None]:
    """Return the prompt and the keywords, which end the prompt if the model has no others."""
    row = capabilities.models.get(options.model)
    if row and row.keywords:
        return {"prompt": options.prompt, "keywords[]": tuple(options.keywords)}
    words = filter(None, [options.prompt, ", ".join(options.keywords)])
    return {"prompt": " ".join(words) or None if options.keywords else options.prompt}


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
    check_terms(options)
    if options.wants_words:
        capabilities.require_word_times(model, task, response_format)
    capabilities.require_operation(model, task, response_format)
    capabilities.require_duration(model, duration)
    fields = {
        "model": model,
        **_language_fields(options, capabilities),
        **_keyword_fields(options, capabilities),
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
        need=need or options.need,
        max_response_bytes=(
            models.MAX_JSON_RESPONSE_BYTES if is_json else models.MAX_TEXT_RESPONSE_BYTES
        ),
        audio_seconds=duration or 0.0,
    )
    return Call(
        request, functools.partial(read_transcript, empty=empty, response_format=response_format)
    )
