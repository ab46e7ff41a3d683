"""The two endpoints that turn a recording into text."""

import zlib
from pathlib import PurePath
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from apertis_audio_tools.sandbox import subtitles, tables
from apertis_audio_tools.sandbox.access import count, key_of, require_model, require_payg
from apertis_audio_tools.sandbox.bodies import checked, form_of
from apertis_audio_tools.sandbox.decoding import BYTES_PER_SECOND, decode
from apertis_audio_tools.sandbox.hearing import hear
from apertis_audio_tools.sandbox.recognition import Heard
from apertis_audio_tools.sandbox.refusals import bad_audio, invalid, missing

Task = Literal["transcribe", "translate"]


class TranscriptionForm(BaseModel):
    """What the text fields of a request may say."""

    model: str
    language: Annotated[str, Field(pattern="^[a-z]{2}$")] | None = None
    prompt: str | None = None
    response_format: Literal["json", "text", "srt", "vtt", "verbose_json"] = "json"
    temperature: Annotated[float, Field(ge=0, le=1)] = 0.0


async def transcribe(request: Request) -> Response:
    """POST /v1/audio/transcriptions."""
    return await _answer(request, "transcribe")


async def translate(request: Request) -> Response:
    """POST /v1/audio/translations: what was heard, because there is no translator here."""
    return await _answer(request, "translate")


async def _answer(request: Request, task: Task) -> Response:
    key = key_of(request)
    require_payg(key)
    async with form_of(request) as form:
        file, asked = _file(form), _asked(form, task)
        count(request, key, asked.model)
        _check_extension(file)
        pcm = await run_in_threadpool(decode, file.file)
    _check_duration(len(pcm) / BYTES_PER_SECOND, asked.model)
    return _rendered(await hear(request, pcm), len(pcm) / BYTES_PER_SECOND, asked, task)


def _file(form: FormData) -> UploadFile:
    file = form.get("file")
    if file is None:
        raise missing("file")
    if not isinstance(file, UploadFile):
        raise invalid("file", "The 'file' part must be a file with a name.")
    return file


def _asked(form: FormData, task: Task) -> TranscriptionForm:
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    able = tables.TRANSCRIPTION_MODELS if task == "transcribe" else tables.WHISPER_MODELS
    require_model(fields, able, task)
    return checked(TranscriptionForm, fields, of_form=True)


def _check_extension(file: UploadFile) -> None:
    extension = PurePath(file.filename or "").suffix.lower().removeprefix(".")
    if extension not in tables.FILE_EXTENSIONS:
        listed = ", ".join(sorted(tables.FILE_EXTENSIONS))
        raise bad_audio(f"Invalid file format. Supported formats: {listed}.")


def _check_duration(seconds: float, model: str) -> None:
    if seconds < tables.MIN_AUDIO_SECONDS:
        raise invalid("file", f"The audio is shorter than {tables.MIN_AUDIO_SECONDS} seconds.")
    if model in tables.JSON_ONLY_MODELS and seconds > tables.MAX_JSON_ONLY_SECONDS:
        limit = tables.MAX_JSON_ONLY_SECONDS
        raise invalid(
            "file",
            f"The audio duration of {seconds:.2f} seconds is longer than {limit:.0f} seconds, "
            f"the maximum for '{model}'.",
        )


def _rendered(
    segments: list[Heard], duration: float, asked: TranscriptionForm, task: Task
) -> Response:
    text = " ".join(segment.text for segment in segments)
    json_only = asked.model in tables.JSON_ONLY_MODELS
    match "json" if json_only else asked.response_format:
        case "json":
            return JSONResponse({"text": text})
        case "verbose_json":
            return JSONResponse(_verbose(segments, text, duration, asked, task))
        case "srt":
            return PlainTextResponse(subtitles.srt(segments))
        case "vtt":
            return PlainTextResponse(subtitles.vtt(segments))
        case _:
            return PlainTextResponse(text + "\n")


def _verbose(
    segments: list[Heard], text: str, duration: float, asked: TranscriptionForm, task: Task
) -> dict[str, Any]:
    return {
        "task": task,
        "language": "english",
        "duration": round(duration, 2),
        "text": text,
        "segments": [_segment(i, each, asked.temperature) for i, each in enumerate(segments)],
    }


def _segment(number: int, heard: Heard, temperature: float) -> dict[str, Any]:
    content = heard.text.encode()
    return {
        "id": number,
        "start": round(heard.start, 2),
        "end": round(heard.end, 2),
        "text": heard.text,
        "tokens": [],
        "temperature": temperature,
        "avg_logprob": heard.avg_logprob,
        "compression_ratio": len(content) / max(1, len(zlib.compress(content))),
        "no_speech_prob": heard.no_speech_prob,
    }
