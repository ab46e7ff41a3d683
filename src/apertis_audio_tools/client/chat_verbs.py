"""The verbs of a conversation."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from apertis_audio_tools import api
from apertis_audio_tools.api import Call, ChatMessage, StreamCall
from apertis_audio_tools.api.request import Upload
from apertis_audio_tools.audio import Source, encode_chat_clip, probe
from apertis_audio_tools.client.colours import awaiting, blocking, streaming, streaming_awaiting
from apertis_audio_tools.errors import UnsupportedError
from apertis_audio_tools.models import CHAT_MODEL, Capabilities
from apertis_audio_tools.pipeline.batch_runner import BatchRunner
from apertis_audio_tools.results import ChatDelta, ChatReply


class ChatVerbs:
    """`chat` and `stream_chat`, in both colours."""

    _drivers: BatchRunner
    _capabilities: Capabilities

    def _chat(
        self,
        messages: str | Sequence[ChatMessage],
        audio: Source | list[Source] | None = None,
        *,
        model: str = CHAT_MODEL,
        modalities: Sequence[str] | None = None,
        voice: str | None = None,
        audio_format: str = "wav",
        tools: Sequence[Mapping[str, Any]] | None = None,
        tool_choice: str | Mapping[str, Any] | None = None,
        parallel_tool_calls: bool | None = None,
        temperature: float | None = None,
        top_p: float | None = None,
        max_tokens: int | None = None,
        stop: str | Sequence[str] | None = None,
        seed: int | None = None,
        response_format: Mapping[str, Any] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> Call[ChatReply]:
        """The model's turn in a conversation it can hear, and speak in.

        Args:
            messages: A question, or messages of the standard chat schema. The ``data`` of an
                ``input_audio`` block may be base64 text, or any source `transcribe` takes but a
                ``str``; then the ``format`` is found out, and what is neither wav nor mp3 is
                converted to mp3.
            audio: One clip, or a list of them, that goes with a question.
            model: A chat model.
            modalities: ``["text", "audio"]`` for a spoken reply.
            voice: Speaks the reply; asks for one by itself.
            audio_format: Of the spoken reply: wav, mp3, flac, opus, aac or pcm16.
            tools: Functions the model may call, in the standard schema.
            tool_choice: ``auto``, ``none``, ``required`` or a certain function.
            parallel_tool_calls: Whether several may be called at once.
            temperature: Of the sampling, 0 to 2.
            top_p: Of the sampling, 0 to 1.
            max_tokens: The longest reply.
            stop: Where the reply ends.
            seed: For replies that can be repeated, as far as the model can.
            response_format: Such as a JSON schema the reply follows.
            extra: Further fields of the chat schema, sent as they are.

        Raises:
            RecordingError: A clip is missing, empty or no audio.
            UnsupportedError: Known to be impossible; nothing was sent.
            APIError: The service refused, could not be reached, or answered nonsense.
        """
        return api.chat_call(
            _conversation(messages, audio),
            model=model,
            capabilities=self._capabilities,
            clip=_clip,
            modalities=modalities,
            voice=voice,
            audio_format=audio_format,
            temperature=temperature,
            tools=tools,
            tool_choice=tool_choice,
            parallel_tool_calls=parallel_tool_calls,
            top_p=top_p,
            max_tokens=max_tokens,
            stop=stop,
            seed=seed,
            response_format=response_format,
            extra=extra,
        )

    chat = blocking(_chat)
    achat = awaiting(_chat)

    def _stream_chat(
        self,
        messages: str | Sequence[ChatMessage],
        audio: Source | list[Source] | None = None,
        *,
        model: str = CHAT_MODEL,
        tools: Sequence[Mapping[str, Any]] | None = None,
        tool_choice: str | Mapping[str, Any] | None = None,
        parallel_tool_calls: bool | None = None,
        temperature: float | None = None,
        top_p: float | None = None,
        max_tokens: int | None = None,
        stop: str | Sequence[str] | None = None,
        seed: int | None = None,
        response_format: Mapping[str, Any] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> StreamCall[ChatDelta]:
        """A reply in words, piece by piece; arguments and errors as in `chat`.

        The service cannot stream a spoken reply: ask for that with `chat`.
        """
        return api.chat_stream_call(
            _conversation(messages, audio),
            model=model,
            capabilities=self._capabilities,
            clip=_clip,
            temperature=temperature,
            tools=tools,
            tool_choice=tool_choice,
            parallel_tool_calls=parallel_tool_calls,
            top_p=top_p,
            max_tokens=max_tokens,
            stop=stop,
            seed=seed,
            response_format=response_format,
            extra=extra,
        )

    stream_chat = streaming(_stream_chat)
    astream_chat = streaming_awaiting(_stream_chat)


def _conversation(
    messages: str | Sequence[ChatMessage], audio: Source | list[Source] | None
) -> Sequence[ChatMessage]:
    if not isinstance(messages, str):
        if audio is not None:
            raise UnsupportedError(
                "audio goes with a question; in messages, use input_audio blocks."
            )
        return messages
    clips = audio if isinstance(audio, list) else [] if audio is None else [audio]
    sources = [Path(clip) if isinstance(clip, str) else clip for clip in clips]
    heard = [{"type": "input_audio", "input_audio": {"data": source}} for source in sources]
    asked = [{"type": "text", "text": messages}, *heard] if heard else messages
    return [{"role": "user", "content": asked}]


def _clip(source: Source) -> tuple[Upload, str]:
    return encode_chat_clip(probe(source))
