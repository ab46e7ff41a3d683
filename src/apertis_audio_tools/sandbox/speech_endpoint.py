"""The speech endpoint: text in, audio out."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from apertis_audio_tools.sandbox import authorization, tables
from apertis_audio_tools.sandbox.audio_encoding import encode
from apertis_audio_tools.sandbox.error_responses import invalid_parameter
from apertis_audio_tools.sandbox.request_bodies import read_json, validate
from apertis_audio_tools.sandbox.speech_synthesis import SAMPLE_RATE, speak
from apertis_audio_tools.sandbox.streaming import stream_response


class SpeechRequest(BaseModel):
    """The request body of the speech endpoint."""

    model: str
    input: Annotated[str, Field(min_length=1, max_length=tables.MAX_INPUT_CHARACTERS)]
    voice: Annotated[str, Field(min_length=1)]
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "mp3"
    speed: Annotated[float, Field(ge=0.25, le=4)] = 1.0
    instructions: str | None = None


async def speech(request: Request) -> Response:
    """Serve POST /v1/audio/speech: each sentence is sent while the next is synthesised."""
    key = authorization.require_key(request)
    authorization.require_payg(key)
    body = await read_json(request)
    authorization.require_model(request, body, tables.SPEECH_MODELS, "speak")
    options = validate(SpeechRequest, body)
    require_voice(options.voice, options.model, "voice")
    authorization.count_request(request, key, options.model)
    samples = speak(options.input, options.voice)
    encoded = encode(samples, SAMPLE_RATE, options.response_format, options.speed)
    return await stream_response(encoded, tables.SPEECH_MEDIA_TYPES[options.response_format])


def require_voice(voice: str, model: str, param: str) -> None:
    """Raise 400 invalid_parameter for undocumented voices of models without their own voices."""
    if voice not in tables.VOICES and model not in tables.FREE_VOICE_MODELS:
        listed = ", ".join(tables.VOICES)
        raise invalid_parameter(param, f"Unknown voice '{voice}'. Supported voices: {listed}.")
