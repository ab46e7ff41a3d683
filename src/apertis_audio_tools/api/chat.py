"""POST /chat/completions, whole and streamed."""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from apertis_audio_tools import models
from apertis_audio_tools.api.call import (
    Call,
    StreamCall,
    json_body,
    parse_json,
    require_size,
    response_metadata,
)
from apertis_audio_tools.api.chat_stream import ChatEventReader
from apertis_audio_tools.api.request import AsciiText, Request, RequestBody, Upload
from apertis_audio_tools.api.response import Response, malformed_error
from apertis_audio_tools.api.usage import parse_usage
from apertis_audio_tools.errors import UnsupportedError
from apertis_audio_tools.models import Capabilities
from apertis_audio_tools.results import ChatDelta, ChatReply, ToolCall

DEFAULT_VOICE = "alloy"
_PATH = "/chat/completions"

_OWN_FIELDS = frozenset({"audio", "messages", "modalities", "model", "stream", "stream_options"})

ChatMessage = Mapping[str, Any]
ClipEncoder = Callable[[Any], tuple[Upload, str]]

_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")


def chat_call(
    messages: Sequence[ChatMessage],
    *,
    model: str,
    capabilities: Capabilities,
    clip: ClipEncoder,
    modalities: Sequence[str] | None = None,
    voice: str | None = None,
    audio_format: str = "wav",
    temperature: float | None = None,
    extra: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Call[ChatReply]:
    """A turn of a conversation; `clip` makes an upload and its format of a source of audio.

    `fields` are further ones of the standard chat schema, and so are those in `extra`.

    Raises:
        UnsupportedError: Known to be refused by the service.
    """
    wanted = list(modalities) if modalities else ["text", "audio"] if voice else None
    for modality in wanted or ():
        models.require_choice("modalities", modality, {"text", "audio"})
    models.require_choice("audio_format", audio_format, models.CHAT_AUDIO_FORMATS)
    speaks = wanted is not None and "audio" in wanted
    payload = {
        **fields,
        **_conversation(messages, model, capabilities, clip, temperature),
        "modalities": wanted,
        "audio": {"voice": voice or DEFAULT_VOICE, "format": audio_format} if speaks else None,
    }
    request = Request("POST", _PATH, _body(payload, extra), model=model)
    return Call(request, functools.partial(_read, audio_format=audio_format))


def chat_stream_call(
    messages: Sequence[ChatMessage],
    *,
    model: str,
    capabilities: Capabilities,
    clip: ClipEncoder,
    temperature: float | None = None,
    extra: Mapping[str, Any] | None = None,
    **fields: Any,
) -> StreamCall[ChatDelta]:
    """The same for a reply in words, as they come; a spoken reply cannot be streamed.

    Raises:
        UnsupportedError: Known to be refused by the service.
    """
    payload = {
        **fields,
        **_conversation(messages, model, capabilities, clip, temperature),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    request = Request("POST", _PATH, _body(payload, extra), accept="text/event-stream", model=model)
    return StreamCall(request, ChatEventReader)


def _body(payload: dict[str, Any], extra: Mapping[str, Any] | None) -> RequestBody:
    for name in extra or ():
        if payload.get(name) is not None or name in _OWN_FIELDS:
            raise UnsupportedError(f"{name} has a parameter of its own; it cannot be in extra.")
    body = json_body({**payload, **(extra or {})})
    require_size(body, "This conversation", "Send fewer clips, or shorter ones")
    return body


def _conversation(
    messages: Sequence[ChatMessage],
    model: str,
    capabilities: Capabilities,
    clip: ClipEncoder,
    temperature: float | None,
) -> dict[str, Any]:
    if not messages:
        raise UnsupportedError("There is nothing to answer: no messages were given.")
    models.require_range("temperature", temperature, models.CHAT_TEMPERATURE_RANGE)
    capabilities.require(model, "chat")
    return {
        "model": model,
        "messages": [_message(message, clip) for message in messages],
        "temperature": temperature,
    }


def _message(message: ChatMessage, clip: ClipEncoder) -> ChatMessage:
    if not isinstance(message, Mapping):
        raise UnsupportedError(f"A message is a mapping, not a {type(message).__name__}.")
    content = message.get("content")
    if content is None or isinstance(content, str):
        return message
    if not isinstance(content, Sequence):
        raise UnsupportedError(f"Content is text or blocks, not a {type(content).__name__}.")
    return {**message, "content": [_block(block, clip) for block in content]}


def _block(block: Mapping[str, Any], clip: ClipEncoder) -> Mapping[str, Any]:
    """The block, with audio in a form that streams into the body without being copied."""
    if not isinstance(block, Mapping):
        raise UnsupportedError(f"A content block is a mapping, not a {type(block).__name__}.")
    if block.get("type") != "input_audio":
        return block
    audio = block.get("input_audio")
    if not isinstance(audio, Mapping) or "data" not in audio:
        raise UnsupportedError("An input_audio block needs input_audio.data.")
    data = audio["data"]
    if not isinstance(data, str):
        upload, audio_format = clip(data)
        return {**block, "input_audio": {"data": upload, "format": audio_format}}
    models.require_choice("format", str(audio.get("format")), {"wav", "mp3"})
    if not _BASE64.fullmatch(data):
        raise UnsupportedError("The data of an input_audio block is not base64.")
    return {**block, "input_audio": {**audio, "data": AsciiText(data)}}


class _Function(BaseModel):
    name: str
    arguments: str = ""


class _ToolCall(BaseModel):
    id: str
    function: _Function


class _Audio(BaseModel):
    model_config = ConfigDict(val_json_bytes="base64")

    id: str | None = None
    data: bytes
    transcript: str | None = None
    expires_at: int | None = None


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None
    audio: _Audio | None = None
    tool_calls: list[_ToolCall] | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Completion(BaseModel):
    choices: list[_Choice]
    model: str = ""
    usage: Any = None


def _read(answer: Response, *, audio_format: str) -> ChatReply:
    completion = parse_json(answer, _Completion)
    if not completion.choices:
        raise malformed_error(answer, "there is no choice in it")
    choice = completion.choices[0]
    message, audio = choice.message, choice.message.audio
    if audio and not audio.data:
        raise malformed_error(answer, "the spoken reply has no sound")
    transcript = audio.transcript if audio else None
    return ChatReply(
        text=message.content or transcript or message.refusal or "",
        transcript=transcript,
        audio=audio.data if audio else None,
        audio_format=audio_format if audio else None,
        audio_id=audio.id if audio else None,
        audio_expires_at=audio.expires_at if audio else None,
        tool_calls=tuple(
            ToolCall(id=call.id, name=call.function.name, arguments=call.function.arguments)
            for call in message.tool_calls or ()
        ),
        finish_reason=choice.finish_reason,
        usage=parse_usage(completion.usage) if completion.usage else None,
        model=completion.model,
        **response_metadata(answer),
    )
