"""The endpoint that answers a conversation, heard and spoken or only written."""

import base64
import binascii
import json
import re
import time
import uuid
from collections.abc import Mapping
from io import BytesIO
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from apertis_audio_tools.sandbox import tables
from apertis_audio_tools.sandbox.access import count, key_of, require_model, require_payg
from apertis_audio_tools.sandbox.bodies import checked, json_of
from apertis_audio_tools.sandbox.chat_checks import check
from apertis_audio_tools.sandbox.chat_messages import (
    AssistantMessage,
    AudioOutput,
    ChatRequest,
    Clip,
    clips_of,
)
from apertis_audio_tools.sandbox.chat_rule import Reply, last_user, reply
from apertis_audio_tools.sandbox.chat_stream import events
from apertis_audio_tools.sandbox.chat_usage import usage
from apertis_audio_tools.sandbox.decoding import decode
from apertis_audio_tools.sandbox.encoding import encode
from apertis_audio_tools.sandbox.hearing import hear
from apertis_audio_tools.sandbox.refusals import invalid
from apertis_audio_tools.sandbox.spoken_answers import SpokenAnswers
from apertis_audio_tools.sandbox.synthesis import SAMPLE_RATE, speak

_DATE: Final = re.compile(r"-\d{4}-\d{2}-\d{2}$")


async def chat(request: Request) -> Response:
    """POST /v1/chat/completions."""
    key = key_of(request)
    asked = await _asked(request, key)
    count(request, key, asked.model)
    earlier = _said_earlier(asked, request.app.state.spoken_answers)
    recordings = await run_in_threadpool(_recordings, asked)
    heard = [await _words(request, pcm) for pcm in _last_turn(asked, recordings)]
    answer = reply(asked, heard)
    message, speech = await _message(asked, answer, request.app.state.spoken_answers)
    completion = {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": asked.model,
        "choices": [_choice(message, answer.finish_reason)],
        "usage": usage(asked, earlier, recordings, answer, speech),
    }
    if not asked.stream:
        return JSONResponse(completion)
    include_usage = asked.stream_options is not None and asked.stream_options.include_usage
    stream = events(completion, include_usage=include_usage)
    return StreamingResponse(stream, media_type="text/event-stream")


async def _asked(request: Request, key: str) -> ChatRequest:
    body = await json_of(request)
    require_model(_undated(body), tables.CHAT_MODELS, "chat")
    asked = checked(ChatRequest, body)
    if asked.speaks or asked.audio is not None or asked.clips or _audio_ids(asked):
        require_payg(key)
    check(asked)
    return asked


def _undated(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same, with the model that a dated snapshot belongs to."""
    model = body.get("model")
    return {**body, "model": _DATE.sub("", model)} if isinstance(model, str) else body


def _audio_ids(asked: ChatRequest) -> dict[str, str]:
    """Where the conversation refers to spoken answers, and to which."""
    return {
        f"messages[{number}].audio.id": message.audio.id
        for number, message in enumerate(asked.messages)
        if isinstance(message, AssistantMessage) and message.audio is not None
    }


def _said_earlier(asked: ChatRequest, answers: SpokenAnswers) -> list[str]:
    said = []
    for where, identifier in _audio_ids(asked).items():
        if (transcript := answers.transcript(identifier)) is None:
            raise invalid(where, f"There is no audio '{identifier}', or it has expired.")
        said.append(transcript)
    return said


def _recordings(asked: ChatRequest) -> list[bytes]:
    return [
        _decoded(clip, f"messages[{number}].content")
        for number, message in enumerate(asked.messages)
        for clip in clips_of(message)
    ]


def _decoded(clip: Clip, where: str) -> bytes:
    try:
        content = base64.b64decode(clip.data, validate=True)
    except (binascii.Error, ValueError):
        raise invalid(where, "The audio data is not valid base64.") from None
    return decode(BytesIO(content), clip.format, where)


def _last_turn(asked: ChatRequest, recordings: list[bytes]) -> list[bytes]:
    """The recordings of the user's last turn, which are the last ones there are."""
    user = last_user(asked)
    clips = len(clips_of(user)) if user is not None else 0
    return recordings[len(recordings) - clips :]


async def _words(request: Request, pcm: bytes) -> str:
    return " ".join(segment.text for segment in await hear(request, pcm))


async def _message(
    asked: ChatRequest, answer: Reply, answers: SpokenAnswers
) -> tuple[dict[str, Any], bytes]:
    """The assistant's message, and the samples it speaks."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.text, "refusal": None}
    if answer.calls:
        calls = [_call(call.id, call.name, call.arguments) for call in answer.calls]
        return {**message, "content": None, "tool_calls": calls}, b""
    if not asked.speaks or asked.audio is None:
        return message, b""
    speech = await run_in_threadpool(_spoken, answer.text, asked.audio.voice)
    data = await run_in_threadpool(_encoded, speech, asked.audio)
    identifier, expires_at = answers.add(answer.text)
    audio = {
        "id": identifier,
        "data": data,
        "transcript": answer.text,
        "expires_at": expires_at,
    }
    return {**message, "content": None, "audio": audio}, speech


def _spoken(text: str, voice: str) -> bytes:
    return b"".join(speak(text, voice))


def _encoded(speech: bytes, output: AudioOutput) -> str:
    content = b"".join(encode([speech], SAMPLE_RATE, output.format, speed=1))
    return base64.b64encode(content).decode()


def _call(identifier: str, name: str, arguments: Any) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)}
    return {"id": identifier, "type": "function", "function": function}


def _choice(message: dict[str, Any], finish_reason: str) -> dict[str, Any]:
    return {"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason}
