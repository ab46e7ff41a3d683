"""POST /chat/completions, whole and streamed."""

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, FailFast

from apertis_audio_tools import models
from apertis_audio_tools.api.call import (
    Call,
    StreamCall,
    json_body,
    parse_json,
    require_size,
    response_metadata,
)
from apertis_audio_tools.api.chat_stream import ArgumentsText, ChatEventReader
from apertis_audio_tools.api.options import ChatMessage, ChatOptions, ModelNeed
from apertis_audio_tools.api.request import AsciiText, ClipEncoder, Request, RequestBody, Upload
from apertis_audio_tools.api.response import Response, malformed_error
from apertis_audio_tools.api.usage import parse_usage
from apertis_audio_tools.errors import UnsupportedError
from apertis_audio_tools.models import VOICE, Capabilities
from apertis_audio_tools.results import ChatDelta, ChatReply, ToolCall

_PATH = "/chat/completions"

_RESERVED_FIELDS = frozenset({"audio", "messages", "modalities", "model", "stream"})

_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")


def chat_call(
    messages: Sequence[ChatMessage],
    options: ChatOptions,
    *,
    capabilities: Capabilities,
    encode_clip: ClipEncoder,
) -> Call[ChatReply]:
    """Return the call for one turn of a conversation."""
    payload = _build_payload(messages, options, capabilities, encode_clip)
    is_spoken = _is_spoken(options)
    voice = {"voice": options.voice or VOICE, "format": options.audio_format}
    modalities = list(options.modalities) if options.modalities else None
    payload |= {
        "modalities": modalities or (["text", "audio"] if is_spoken else None),
        "audio": voice if is_spoken else None,
    }
    extra = dict(options.extra or {})
    extra.pop("stream_options", None)  # programs set them once, for streams and whole replies
    request = Request(
        "POST",
        _PATH,
        _build_body(payload, extra),
        model=options.model,
        need=chat_need(messages, options),
        max_response_bytes=models.MAX_AUDIO_RESPONSE_BYTES,
    )
    return Call(request, functools.partial(_read, options=options), is_text=not is_spoken)


def chat_stream_call(
    messages: Sequence[ChatMessage],
    options: ChatOptions,
    *,
    capabilities: Capabilities,
    encode_clip: ClipEncoder,
) -> StreamCall[ChatDelta]:
    """Return the call for a streamed reply, which cannot be spoken; see `chat_call`."""
    if _is_spoken(options):
        raise UnsupportedError("The service cannot stream a spoken reply; request it whole.")
    payload = _build_payload(messages, options, capabilities, encode_clip)
    extra = dict(options.extra or {})
    requested = extra.pop("stream_options", None) or {}
    payload |= {"stream": True, "stream_options": {**requested, "include_usage": True}}
    body = _build_body(payload, extra)
    request = Request(
        "POST",
        _PATH,
        body,
        accept="text/event-stream",
        model=options.model,
        need=chat_need(messages, options),
        max_response_bytes=models.MAX_AUDIO_RESPONSE_BYTES,
    )
    return StreamCall(request, ChatEventReader)


def check_chat(messages: Sequence[ChatMessage], options: ChatOptions) -> None:
    """Raise `UnsupportedError` for what no model can do."""
    if not messages:
        raise UnsupportedError("There is nothing to reply to: the conversation has no messages.")
    for modality in options.modalities or ():
        models.require_choice("modalities", modality, {"text", "audio"})
    models.require_choice("audio_format", options.audio_format, models.CHAT_AUDIO_FORMATS)
    models.require_range("temperature", options.temperature, models.CHAT_TEMPERATURE_RANGE)


def chat_need(messages: Sequence[ChatMessage], options: ChatOptions) -> ModelNeed:
    """Return the abilities that a turn of a conversation needs of its model."""
    has_audio = _is_spoken(options) or any(map(_has_audio, messages))
    return ModelNeed(operation="chat", has_audio=has_audio)


def _has_audio(message: ChatMessage) -> bool:
    """Return whether a message has clips, or refers to a spoken reply."""
    if not isinstance(message, Mapping):
        return False
    content = message.get("content")
    blocks = content if isinstance(content, Sequence) and not isinstance(content, str) else ()
    kinds = [block.get("type") for block in blocks if isinstance(block, Mapping)]
    return message.get("audio") is not None or "input_audio" in kinds


def _is_spoken(options: ChatOptions) -> bool:
    return "audio" in options.modalities if options.modalities else options.voice is not None


def _build_payload(
    messages: Sequence[ChatMessage],
    options: ChatOptions,
    capabilities: Capabilities,
    encode_clip: ClipEncoder,
) -> dict[str, object]:
    check_chat(messages, options)
    capabilities.require_operation(options.model, "chat")
    return {
        "tools": options.tools,
        "tool_choice": options.tool_choice,
        "parallel_tool_calls": options.parallel_tool_calls,
        "top_p": options.top_p,
        "max_tokens": options.max_tokens,
        "stop": options.stop,
        "seed": options.seed,
        "response_format": options.response_format,
        "model": options.model,
        "messages": [_encode_message(message, encode_clip) for message in messages],
        "temperature": options.temperature,
    }


def _build_body(payload: Mapping[str, object], extra: Mapping[str, Any] | None) -> RequestBody:
    for name in extra or ():
        if payload.get(name) is not None or name in _RESERVED_FIELDS:
            raise UnsupportedError(f"{name} has a parameter of its own; it cannot be in extra.")
    body = json_body({**payload, **(extra or {})})
    require_size(body, "This conversation", "Send fewer clips, or shorter ones")
    return body


def _encode_message(message: ChatMessage, encode_clip: ClipEncoder) -> ChatMessage:
    if not isinstance(message, Mapping):
        raise UnsupportedError(f"A message is a mapping, not a {type(message).__name__}.")
    content = message.get("content")
    if content is None or isinstance(content, str):
        return message
    if not isinstance(content, Sequence):
        raise UnsupportedError(f"Content is text or blocks, not a {type(content).__name__}.")
    return {**message, "content": [_encode_block(block, encode_clip) for block in content]}


def _encode_block(block: Mapping[str, Any], encode_clip: ClipEncoder) -> Mapping[str, Any]:
    """Return the block, with audio in a form that streams into the body without a copy."""
    if not isinstance(block, Mapping):
        raise UnsupportedError(f"A content block is a mapping, not a {type(block).__name__}.")
    if block.get("type") != "input_audio":
        return block
    audio = block.get("input_audio")
    if not isinstance(audio, Mapping) or "data" not in audio:
        raise UnsupportedError("An input_audio block needs input_audio.data.")
    data = audio["data"]
    if isinstance(data, Upload):  # encoded already
        return block
    if not isinstance(data, str):
        upload, audio_format = encode_clip(data)
        return {**block, "input_audio": {"data": upload, "format": audio_format}}
    models.require_choice("format", str(audio.get("format")), {"wav", "mp3"})
    if not _BASE64.fullmatch(data):
        raise UnsupportedError("The data of an input_audio block is not base64.")
    return {**block, "input_audio": {**audio, "data": AsciiText(data)}}


class _Function(BaseModel):
    name: str
    arguments: ArgumentsText = ""


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
    tool_calls: Annotated[list[_ToolCall] | None, FailFast()] = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None
    logprobs: object = None


class _Completion(BaseModel):
    choices: Annotated[list[_Choice], FailFast()]
    id: object = None
    model: str = ""
    usage: object = None


def _read(response: Response, *, options: ChatOptions) -> ChatReply:
    completion = parse_json(response, _Completion)
    if not completion.choices:
        raise malformed_error(response, "there is no choice in it")
    choice = completion.choices[0]
    message, audio = choice.message, choice.message.audio
    if audio and not audio.data:
        raise malformed_error(response, "the spoken reply has no audio")
    transcript = audio.transcript if audio else None
    return ChatReply(
        text=message.content or transcript or message.refusal or "",
        refusal=message.refusal or None,
        transcript=transcript,
        audio=audio.data if audio else None,
        audio_format=options.audio_format if audio else None,
        audio_id=audio.id if audio else None,
        audio_expires_at=audio.expires_at if audio else None,
        tool_calls=tuple(
            ToolCall(id=call.id, name=call.function.name, arguments=call.function.arguments)
            for call in message.tool_calls or ()
        ),
        finish_reason=choice.finish_reason,
        usage=parse_usage(completion.usage) if completion.usage else None,
        model=response.actual_model or completion.model or options.model,
        id=completion.id if isinstance(completion.id, str) else None,
        logprobs=choice.logprobs if isinstance(choice.logprobs, dict) else None,
        **response_metadata(response),
    )
