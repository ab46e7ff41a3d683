"""The chat endpoint: text and recordings in, text, tool calls or speech out."""

import base64
import binascii
import re
import time
import uuid
from collections.abc import Mapping
from io import BytesIO
from typing import Final, cast

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from apertis_audio_tools.sandbox import authorization, tables
from apertis_audio_tools.sandbox.accounts import accounts_of
from apertis_audio_tools.sandbox.audio_decoding import BYTES_PER_SECOND, decode
from apertis_audio_tools.sandbox.chat_events import stream_events
from apertis_audio_tools.sandbox.chat_request import (
    AssistantMessage,
    ChatRequest,
    InputAudio,
    recordings_in,
)
from apertis_audio_tools.sandbox.chat_usage import estimate_usage
from apertis_audio_tools.sandbox.chat_validation import require_consistent
from apertis_audio_tools.sandbox.error_responses import invalid_parameter
from apertis_audio_tools.sandbox.recognition import recognise
from apertis_audio_tools.sandbox.request_bodies import read_json, validate
from apertis_audio_tools.sandbox.rule_based_chat import (
    GeneratedReply,
    generate_reply,
    last_user_message,
)
from apertis_audio_tools.sandbox.spoken_completion import write_spoken
from apertis_audio_tools.sandbox.spoken_replies import SpokenReplies
from apertis_audio_tools.sandbox.streaming import stream_response

_EMPTY_MESSAGE: Final = {"role": "assistant", "content": None, "refusal": None}
_DATE: Final = re.compile(r"-\d{4}-\d{2}-\d{2}$")


async def chat(request: Request) -> Response:
    """Serve POST /v1/chat/completions."""
    key = authorization.require_key(request)
    chat_request = await _read_request(request, key)
    authorization.count_request(request, key, chat_request.model)
    spoken_replies: SpokenReplies = request.app.state.spoken_replies
    earlier = _earlier_transcripts(chat_request, spoken_replies)
    recordings = await run_in_threadpool(_decode_recordings, chat_request)
    seconds_in = sum(map(len, recordings)) / BYTES_PER_SECOND
    texts = [await _recognise_text(request, pcm) for pcm in _last_turn(chat_request, recordings)]
    reply = generate_reply(chat_request, texts)

    def usage(seconds_out: float) -> dict[str, object]:
        counts = estimate_usage(chat_request, earlier, seconds_in, reply, seconds_out)
        accounts_of(request).add(key, tokens=cast("int", counts["total_tokens"]))
        return counts

    if chat_request.speaks and chat_request.audio is not None and not reply.calls:
        completion = _completion(chat_request, reply, _spoken_message(reply, spoken_replies))
        body = write_spoken(completion, reply.text, chat_request.audio, usage)
        return await stream_response(body, "application/json")
    completion = {**_completion(chat_request, reply, _message(reply)), "usage": usage(0.0)}
    if not chat_request.stream:
        return JSONResponse(completion)
    options = chat_request.stream_options
    include_usage = options is not None and options.include_usage
    events = stream_events(completion, reply, include_usage=include_usage)
    return StreamingResponse(events, media_type="text/event-stream")


def _completion(
    chat_request: ChatRequest, reply: GeneratedReply, message: Mapping[str, object]
) -> dict[str, object]:
    """Return a completion without its usage."""
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": reply.finish_reason,
    }
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": chat_request.model,
        "choices": [choice],
    }


async def _read_request(request: Request, key: str) -> ChatRequest:
    body = await read_json(request)
    authorization.require_model(request, _without_date(body), tables.CHAT_MODELS, "chat")
    chat_request = validate(ChatRequest, body)
    if (
        chat_request.speaks
        or chat_request.audio is not None
        or any(map(recordings_in, chat_request.messages))
        or _audio_ids(chat_request)
    ):
        authorization.require_payg(key)
        authorization.require_model(request, _without_date(body), tables.AUDIO_CHAT_MODELS, "hear")
    require_consistent(chat_request)
    return chat_request


def _without_date(body: Mapping[str, object]) -> Mapping[str, object]:
    """Replace a dated snapshot by the model it belongs to."""
    model = body.get("model")
    return {**body, "model": _DATE.sub("", model)} if isinstance(model, str) else body


def _audio_ids(chat_request: ChatRequest) -> dict[str, str]:
    """Map the places that refer to spoken replies to the ids of the replies."""
    return {
        f"messages[{number}].audio.id": message.audio.id
        for number, message in enumerate(chat_request.messages)
        if isinstance(message, AssistantMessage) and message.audio is not None
    }


def _earlier_transcripts(chat_request: ChatRequest, replies: SpokenReplies) -> list[str]:
    transcripts = []
    for where, identifier in _audio_ids(chat_request).items():
        if (transcript := replies.transcript(identifier)) is None:
            raise invalid_parameter(where, f"There is no audio '{identifier}', or it has expired.")
        transcripts.append(transcript)
    return transcripts


def _decode_recordings(chat_request: ChatRequest) -> list[bytes]:
    return [
        _decode(recording, f"messages[{number}].content")
        for number, message in enumerate(chat_request.messages)
        for recording in recordings_in(message)
    ]


def _decode(recording: InputAudio, where: str) -> bytes:
    try:
        content = base64.b64decode(recording.data, validate=True)
    except (binascii.Error, ValueError):
        raise invalid_parameter(where, "The audio data is not valid base64.") from None
    return decode(BytesIO(content), recording.format, where)


def _last_turn(chat_request: ChatRequest, recordings: list[bytes]) -> list[bytes]:
    """Return the recordings of the user's last turn, which are the last of all recordings."""
    user = last_user_message(chat_request)
    count = len(recordings_in(user)) if user is not None else 0
    return recordings[len(recordings) - count :]


async def _recognise_text(request: Request, pcm: bytes) -> str:
    return " ".join(segment.text for segment in await recognise(request, pcm))


def _message(reply: GeneratedReply) -> dict[str, object]:
    """Return the assistant's message, if it is not spoken."""
    if reply.calls:
        calls = [call.to_json(call.arguments_json) for call in reply.calls]
        return {**_EMPTY_MESSAGE, "tool_calls": calls}
    return {**_EMPTY_MESSAGE, "content": reply.text}


def _spoken_message(reply: GeneratedReply, replies: SpokenReplies) -> dict[str, object]:
    """Return the assistant's message without the speech, and keep its transcript."""
    identifier, expires_at = replies.add(reply.text)
    audio = {"id": identifier, "data": "", "transcript": reply.text, "expires_at": expires_at}
    return {**_EMPTY_MESSAGE, "audio": audio}
