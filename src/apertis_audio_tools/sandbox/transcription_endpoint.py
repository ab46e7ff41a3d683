"""The transcription and translation endpoints: a recording in, text out."""

from pathlib import PurePath
from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from apertis_audio_tools.sandbox import authorization, tables
from apertis_audio_tools.sandbox.accounts import accounts_of
from apertis_audio_tools.sandbox.audio_decoding import BYTES_PER_SECOND, decode
from apertis_audio_tools.sandbox.error_responses import (
    invalid_file_format,
    invalid_parameter,
    missing_parameter,
)
from apertis_audio_tools.sandbox.lifecycle import lifecycle_of
from apertis_audio_tools.sandbox.recognition import recognise
from apertis_audio_tools.sandbox.request_bodies import read_form, validate
from apertis_audio_tools.sandbox.transcription_formats import render_multilingual, render_response

_GRANULARITIES: Final = "timestamp_granularities[]"
_LANGUAGES: Final = "languages[]"
_KEYWORDS: Final = "keywords[]"
_SECONDS_PER_HOUR: Final = 3600
_LISTS: Final = (_GRANULARITIES, _LANGUAGES, _KEYWORDS)

_Language = Annotated[str, Field(pattern="^[a-z]{2}$")]


class TranscriptionForm(BaseModel):
    """The text fields of a transcription or translation request."""

    model: str
    language: _Language | None = None
    languages: Annotated[tuple[_Language, ...], Field(alias=_LANGUAGES)] = ()
    keywords: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[^<>\r\n]+$")], ...], Field(alias=_KEYWORDS)
    ] = ()
    prompt: str | None = None
    response_format: Literal["json", "text", "srt", "vtt", "verbose_json"] = "json"
    temperature: Annotated[float, Field(ge=0, le=1)] = 0.0
    stream: bool = False
    granularities: Annotated[
        tuple[Literal["word", "segment"], ...], Field(alias=_GRANULARITIES)
    ] = ("segment",)


async def transcribe(request: Request) -> Response:
    """Serve POST /v1/audio/transcriptions."""
    return await _respond(request, "transcribe", tables.TRANSCRIPTION_MODELS)


async def translate(request: Request) -> Response:
    """Serve POST /v1/audio/translations: a transcription, because the sandbox has no translator."""
    lifecycle_of(request).require_translations(request)
    return await _respond(request, "translate", tables.WHISPER_MODELS)


async def _respond(request: Request, task: str, models: frozenset[str]) -> Response:
    key = authorization.require_key(request)
    authorization.require_payg(key)
    async with read_form(request) as form:
        file = _uploaded_file(form)
        fields = _text_fields(form)
        authorization.require_model(request, fields, models, task)
        options = validate(TranscriptionForm, fields, is_form=True)
        _refuse_streaming(options)
        _require_verbose_json(options)
        _check_languages(options)
        authorization.count_request(request, key, options.model)
        _check_extension(file)
        pcm = await run_in_threadpool(decode, file.file)
    duration = len(pcm) / BYTES_PER_SECOND
    _check_duration(duration, options.model)
    segments = await recognise(request, pcm)
    price = tables.DOLLARS_PER_HOUR.get(options.model, 0.0)
    accounts_of(request).add(key, dollars=duration / _SECONDS_PER_HOUR * price)
    if options.model in tables.MULTILINGUAL_MODELS:
        return render_multilingual(segments, duration)
    metadata = {"task": task, "language": "english", "duration": round(duration, 2)}
    is_json_only = options.model in tables.JSON_ONLY_MODELS
    response_format = "json" if is_json_only else options.response_format
    return render_response(
        segments, response_format, metadata, options.temperature, options.granularities
    )


def _text_fields(form: FormData) -> dict[str, object]:
    fields: dict[str, object] = {
        name: value for name, value in form.items() if isinstance(value, str)
    }
    return fields | {name: tuple(form.getlist(name)) for name in _LISTS if name in fields}


def _refuse_streaming(options: TranscriptionForm) -> None:
    if options.stream:
        message = "Streamed transcripts are not supported: leave out 'stream', or send false."
        raise invalid_parameter("stream", message)


def _require_verbose_json(options: TranscriptionForm) -> None:
    if "granularities" in options.model_fields_set and options.response_format != "verbose_json":
        message = f"'{_GRANULARITIES}' needs the response format verbose_json."
        raise invalid_parameter(_GRANULARITIES, message)


def _check_languages(options: TranscriptionForm) -> None:
    """Refuse several languages and keywords, or formats, that the model does not have."""
    is_multilingual = options.model in tables.MULTILINGUAL_MODELS
    for name, values in ((_LANGUAGES, options.languages), (_KEYWORDS, options.keywords)):
        if values and not is_multilingual:
            raise invalid_parameter(name, f"'{options.model}' does not support '{name}'.")
    if options.language and options.languages:
        raise invalid_parameter(_LANGUAGES, f"Send either 'language' or '{_LANGUAGES}'.")
    if is_multilingual and options.response_format != "json":
        message = (
            f"response_format '{options.response_format}' is not compatible with model "
            f"'{options.model}'. Use 'json' instead."
        )
        raise invalid_parameter("response_format", message)


def _uploaded_file(form: FormData) -> UploadFile:
    file = form.get("file")
    if file is None:
        raise missing_parameter("file")
    if not isinstance(file, UploadFile):
        raise invalid_parameter("file", "The 'file' part must be a file with a name.")
    return file


def _check_extension(file: UploadFile) -> None:
    extension = PurePath(file.filename or "").suffix.lower().removeprefix(".")
    if extension not in tables.FILE_EXTENSIONS:
        listed = ", ".join(sorted(tables.FILE_EXTENSIONS))
        raise invalid_file_format(f"Invalid file format. Supported formats: {listed}.")


def _check_duration(seconds: float, model: str) -> None:
    if seconds < tables.MIN_AUDIO_SECONDS:
        message = f"The audio is shorter than {tables.MIN_AUDIO_SECONDS} seconds."
        raise invalid_parameter("file", message)
    limit = tables.MAX_JSON_ONLY_SECONDS
    if model in tables.JSON_ONLY_MODELS and seconds > limit:
        message = (
            f"The audio duration of {seconds:.2f} seconds is longer than {limit:.0f} seconds, "
            f"the maximum for '{model}'."
        )
        raise invalid_parameter("file", message)
