"""POST /chat/completions, whole and streamed."""

import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from apertis_audio_tools import models
from apertis_audio_tools.answers import malformed, snippet
from apertis_audio_tools.calls.call import Call, Streamed, json_body, origin, parsed
from apertis_audio_tools.calls.usage import read_usage
from apertis_audio_tools.errors import APIConnectionError, MalformedAnswerError, UnsupportedError
from apertis_audio_tools.models import Capabilities
from apertis_audio_tools.results import ChatDelta, ChatReply, ToolCall, ToolCallDelta
from apertis_audio_tools.wire import Answer, Ascii, Request, Upload

DEFAULT_VOICE = "alloy"
_PATH = "/chat/completions"

Message = Mapping[str, Any]
Clip = Callable[[Any], tuple[Upload, str]]

_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")


def chat(
    messages: Sequence[Message],
    *,
    model: str,
    capabilities: Capabilities,
    clip: Clip,
    modalities: Sequence[str] | None = None,
    voice: str | None = None,
    audio_format: str = "wav",
    temperature: float | None = None,
    **fields: Any,
) -> Call[ChatReply]:
    """A turn of a conversation; `clip` makes an upload and its format of a source of audio.

    `fields` are further ones of the standard chat schema, sent as they are.

    Raises:
        UnsupportedError: Known to be refused by the service.
    """
    if not messages:
        raise UnsupportedError("There is nothing to answer: no messages were given.")
    wanted = list(modalities) if modalities else ["text", "audio"] if voice else None
    for modality in wanted or ():
        models.require_choice("modalities", modality, {"text", "audio"})
    models.require_choice("audio_format", audio_format, models.CHAT_AUDIO_FORMATS)
    payload = {
        **fields,
        **_conversation(messages, model, capabilities, clip, temperature),
        "modalities": wanted,
    }
    if wanted and "audio" in wanted:
        payload["audio"] = {"voice": voice or DEFAULT_VOICE, "format": audio_format}
    request = Request("POST", _PATH, json_body(payload))
    return Call(request, functools.partial(_read, audio_format=audio_format))


def chat_stream(
    messages: Sequence[Message],
    *,
    model: str,
    capabilities: Capabilities,
    clip: Clip,
    temperature: float | None = None,
    **fields: Any,
) -> Streamed[ChatDelta]:
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
    request = Request("POST", _PATH, json_body(payload), accept="text/event-stream")
    return Streamed(request, ChatEvents)


def _conversation(
    messages: Sequence[Message],
    model: str,
    capabilities: Capabilities,
    clip: Clip,
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


def _message(message: Message, clip: Clip) -> Message:
    content = message.get("content")
    if content is None or isinstance(content, str):
        return message
    return {**message, "content": [_block(block, clip) for block in content]}


def _block(block: Mapping[str, Any], clip: Clip) -> Mapping[str, Any]:
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
    return {**block, "input_audio": {**audio, "data": Ascii(data)}}


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


def _read(answer: Answer, *, audio_format: str) -> ChatReply:
    completion = parsed(answer, _Completion)
    if not completion.choices:
        raise malformed(answer, "there is no choice in it")
    choice = completion.choices[0]
    message, audio = choice.message, choice.message.audio
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
        usage=read_usage(completion.usage) if completion.usage else None,
        model=completion.model,
        **origin(answer),
    )


class _FunctionDelta(BaseModel):
    name: str | None = None
    arguments: str | None = None


class _ToolCallDelta(BaseModel):
    index: int = 0
    id: str | None = None
    function: _FunctionDelta = _FunctionDelta()


class _Delta(BaseModel):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[_ToolCallDelta] | None = None


class _ChunkChoice(BaseModel):
    delta: _Delta = _Delta()
    finish_reason: str | None = None


class _Chunk(BaseModel):
    choices: list[_ChunkChoice] = []
    model: str = ""
    usage: Any = None


class ChatEvents:
    """Server-sent events, fed as bytes arrive, read as deltas.

    Args:
        head: The answer the events belong to, without its body.
    """

    def __init__(self, head: Answer) -> None:
        self._head = head
        self._rest = b""
        self._data: list[str] = []
        self._is_done = False
        if head.media_type != "text/event-stream":
            raise malformed(head, f"with {head.media_type or 'nothing'} in place of events")

    def feed(self, chunk: bytes) -> Iterator[ChatDelta]:
        """The deltas that are complete with this chunk.

        Raises:
            MalformedAnswerError: An event is not as documented, or tells of a failure.
        """
        *lines, self._rest = (self._rest + chunk).replace(b"\r\n", b"\n").split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[5:].strip().decode("utf-8", errors="replace"))
            elif not line and self._data:
                yield from self._event("\n".join(self._data))
                self._data.clear()

    def finish(self) -> None:
        """Called when the body has ended.

        Raises:
            APIConnectionError: It ended before the reply did.
        """
        if not self._is_done:
            raise APIConnectionError(
                "The reply was cut off before its end.", request_id=self._head.request_id
            )

    def _event(self, data: str) -> Iterator[ChatDelta]:
        if data == "[DONE]":
            self._is_done = True
            return
        answer = Answer(self._head.status, self._head.headers, data.encode())
        if data.startswith('{"error"'):
            raise malformed(answer, "the reply failed half-way")
        try:
            chunk = _Chunk.model_validate_json(answer.body)
        except ValidationError:
            raise MalformedAnswerError(
                f"An event of the streamed reply is not as documented: {snippet(answer.body)}.",
                status=answer.status,
                request_id=answer.request_id,
            ) from None
        choice = chunk.choices[0] if chunk.choices else _ChunkChoice()
        self._is_done = self._is_done or choice.finish_reason is not None
        yield ChatDelta(
            text=choice.delta.content or choice.delta.refusal or "",
            tool_calls=tuple(
                ToolCallDelta(
                    index=call.index,
                    id=call.id,
                    name=call.function.name,
                    arguments=call.function.arguments or "",
                )
                for call in choice.delta.tool_calls or ()
            ),
            finish_reason=choice.finish_reason,
            usage=read_usage(chunk.usage) if chunk.usage else None,
            model=chunk.model,
        )
