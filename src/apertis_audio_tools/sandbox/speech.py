"""The endpoint that turns text into a recording."""

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from pydantic import BaseModel, Field
from starlette.concurrency import iterate_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from apertis_audio_tools.sandbox import tables
from apertis_audio_tools.sandbox.access import count, key_of, require_model, require_payg
from apertis_audio_tools.sandbox.bodies import checked, json_of
from apertis_audio_tools.sandbox.encoding import encode
from apertis_audio_tools.sandbox.refusals import invalid
from apertis_audio_tools.sandbox.synthesis import SAMPLE_RATE, speak


class SpeechRequest(BaseModel):
    """What a speech request may ask for."""

    model: str
    input: Annotated[str, Field(min_length=1, max_length=tables.MAX_INPUT_CHARACTERS)]
    voice: Annotated[str, Field(min_length=1)]
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "mp3"
    speed: Annotated[float, Field(ge=0.25, le=4)] = 1.0
    instructions: str | None = None


async def speech(request: Request) -> Response:
    """POST /v1/audio/speech: each sentence leaves while the next is still being spoken."""
    key = key_of(request)
    require_payg(key)
    body = await json_of(request)
    require_model(body, tables.SPEECH_MODELS, "speak")
    asked = checked(SpeechRequest, body)
    require_voice(asked.voice, asked.model, "voice")
    count(request, key, asked.model)
    samples = speak(asked.input, asked.voice)
    chunks = iterate_in_threadpool(encode(samples, SAMPLE_RATE, asked.response_format, asked.speed))
    first = await anext(chunks, b"")
    media_type = tables.SPEECH_MEDIA_TYPES[asked.response_format]
    return StreamingResponse(_chained(first, chunks), media_type=media_type)


def require_voice(voice: str, model: str, param: str) -> None:
    """Let documented voices through, and for models with other voices any name.

    Raises:
        Refusal: 400 invalid_parameter.
    """
    if voice not in tables.VOICES and model not in tables.FREE_VOICE_MODELS:
        listed = ", ".join(tables.VOICES)
        raise invalid(param, f"Unknown voice '{voice}'. Supported voices: {listed}.")


async def _chained(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk
