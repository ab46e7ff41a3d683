"""Verbs of a conversation."""

import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apertis_audio_tools.api.options import ChatMessage, ChatOptions
from apertis_audio_tools.api.request import Upload
from apertis_audio_tools.audio import Source
from apertis_audio_tools.errors import UnsupportedError
from apertis_audio_tools.models import AUTO
from apertis_audio_tools.pipeline.worker_pool import run_in_thread
from apertis_audio_tools.results import ChatDelta, ChatReply

if TYPE_CHECKING:
    from apertis_audio_tools.api.call import Call, StreamCall
    from apertis_audio_tools.pipeline.job_factory import JobContext
    from apertis_audio_tools.pipeline.model_directory import ModelDirectory
    from apertis_audio_tools.pipeline.request_runner import RequestRunner

logger: logging.Logger = logging.getLogger("apertis_audio_tools")


class ChatVerbs:
    """`chat` and `stream_chat`, sync and async."""

    _context: "JobContext"
    _models: "ModelDirectory"
    _requests: "RequestRunner"

    def chat(
        self,
        messages: str | Sequence[ChatMessage],
        audio: Source | list[Source] | None = None,
        *,
        model: str = AUTO,
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
    ) -> ChatReply:
        """Return the model's reply to a conversation of text and audio.

        Args:
            messages: Question, or messages of the standard chat schema. The ``data`` of an
                ``input_audio`` block may be base64 text, or any source that `transcribe` accepts
                except a ``str``; then its ``format`` is detected, and audio that is neither wav
                nor mp3 is converted to mp3.
            audio: Clip, or list of clips, that goes with a question.
            model: Chat model. Defaults to ``auto``, the best one the key has: one that hears and
                speaks, if there are clips or a voice.
            modalities: ``["text", "audio"]`` for a spoken reply.
            voice: Voice of a spoken reply; requests one by itself.
            audio_format: wav, mp3, flac, opus, aac or pcm16, for a spoken reply. Defaults to wav.
            tools: Functions the model may call, in the standard schema.
            tool_choice: ``auto``, ``none``, ``required`` or one function.
            parallel_tool_calls: Whether several functions may be called at once.
            temperature: Sampling temperature, 0 to 2.
            top_p: Nucleus sampling, 0 to 1.
            max_tokens: Longest reply, in tokens.
            stop: Sequences that end the reply.
            seed: Seed for replies that can be repeated, as far as the model can.
            response_format: Schema the reply follows, such as a JSON schema.
            extra: Further fields of the chat schema, sent as they are.

        Raises:
            RecordingError: If a clip is missing, empty or no audio.
            UnsupportedError: If the service is known to refuse it; nothing was sent.
            APIError: If the service refused, could not be reached, or sent a malformed response.
        """
        options = ChatOptions(
            model=model,
            modalities=modalities,
            voice=voice,
            audio_format=audio_format,
            tools=tools,
            tool_choice=tool_choice,
            parallel_tool_calls=parallel_tool_calls,
            temperature=temperature,
            top_p=top_p,
            max_tokens=max_tokens,
            stop=stop,
            seed=seed,
            response_format=response_format,
            extra=extra,
        )
        return self.chat_with(_with_clips(messages, audio), options)

    async def achat(
        self,
        messages: str | Sequence[ChatMessage],
        audio: Source | list[Source] | None = None,
        *,
        model: str = AUTO,
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
    ) -> ChatReply:
        """Async version of `chat`."""
        options = ChatOptions(
            model=model,
            modalities=modalities,
            voice=voice,
            audio_format=audio_format,
            tools=tools,
            tool_choice=tool_choice,
            parallel_tool_calls=parallel_tool_calls,
            temperature=temperature,
            top_p=top_p,
            max_tokens=max_tokens,
            stop=stop,
            seed=seed,
            response_format=response_format,
            extra=extra,
        )
        return await self.achat_with(_with_clips(messages, audio), options)

    def stream_chat(
        self,
        messages: str | Sequence[ChatMessage],
        audio: Source | list[Source] | None = None,
        *,
        model: str = AUTO,
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
    ) -> Iterator[ChatDelta]:
        """Return an iterator over the increments of a text reply; see `chat`.

        The service cannot stream a spoken reply: request that with `chat`.
        """
        options = ChatOptions(
            model=model,
            tools=tools,
            tool_choice=tool_choice,
            parallel_tool_calls=parallel_tool_calls,
            temperature=temperature,
            top_p=top_p,
            max_tokens=max_tokens,
            stop=stop,
            seed=seed,
            response_format=response_format,
            extra=extra,
        )
        return self.stream_chat_with(_with_clips(messages, audio), options)

    def astream_chat(
        self,
        messages: str | Sequence[ChatMessage],
        audio: Source | list[Source] | None = None,
        *,
        model: str = AUTO,
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
    ) -> AsyncIterator[ChatDelta]:
        """Async version of `stream_chat`: an asynchronous generator."""
        options = ChatOptions(
            model=model,
            tools=tools,
            tool_choice=tool_choice,
            parallel_tool_calls=parallel_tool_calls,
            temperature=temperature,
            top_p=top_p,
            max_tokens=max_tokens,
            stop=stop,
            seed=seed,
            response_format=response_format,
            extra=extra,
        )
        return self.astream_chat_with(_with_clips(messages, audio), options)

    def chat_with(self, messages: Sequence[ChatMessage], options: ChatOptions) -> ChatReply:
        """Return the reply to a conversation, with options decided at run time."""
        return self._requests.run(self._chat_call(messages, self._chat_options(messages, options)))

    async def achat_with(self, messages: Sequence[ChatMessage], options: ChatOptions) -> ChatReply:
        """Async version of `chat_with`. A thread reads and converts the clips."""
        from apertis_audio_tools.api.chat import chat_need

        options = await self._achat_options(messages, options)
        if chat_need(messages, options).has_audio:
            call = await run_in_thread(self._chat_call, messages, options)
        else:
            call = self._chat_call(messages, options)
        return await self._requests.arun(call)

    def stream_chat_with(
        self, messages: Sequence[ChatMessage], options: ChatOptions
    ) -> Iterator[ChatDelta]:
        """Return an iterator over the increments of a reply, with options decided at run time."""
        return self._requests.stream(
            self._stream_call(messages, self._chat_options(messages, options))
        )

    async def astream_chat_with(
        self, messages: Sequence[ChatMessage], options: ChatOptions
    ) -> AsyncGenerator[ChatDelta]:
        """Async version of `stream_chat_with`: an asynchronous generator."""
        options = await self._achat_options(messages, options)
        call = await run_in_thread(self._stream_call, messages, options)
        async with contextlib.aclosing(self._requests.astream(call)) as deltas:
            async for delta in deltas:
                yield delta

    def encode_clip(self, source: Source) -> tuple[Upload, str]:
        """Return a clip as a message carries it, and its format, ``wav`` or ``mp3``.

        An ``input_audio`` block may have such an upload as its ``data``.
        """
        from apertis_audio_tools.audio import encode_chat_clip, probe

        recording = probe(source, isolate=self._context.isolate_probe)
        clip = encode_chat_clip(recording)
        for note in recording.noticed:
            logger.warning("%s: %s", recording.label, note)
        return clip

    def _chat_options(self, messages: Sequence[ChatMessage], options: ChatOptions) -> ChatOptions:
        """Return the options with a model; nothing is asked if no model can reply."""
        from apertis_audio_tools.api.chat import chat_need, check_chat

        if options.model != AUTO:
            return options
        check_chat(messages, options)
        return replace(options, model=self._models.choose(chat_need(messages, options)))

    async def _achat_options(
        self, messages: Sequence[ChatMessage], options: ChatOptions
    ) -> ChatOptions:
        """Async version of `_chat_options`."""
        from apertis_audio_tools.api.chat import chat_need, check_chat

        if options.model != AUTO:
            return options
        check_chat(messages, options)
        return replace(options, model=await self._models.achoose(chat_need(messages, options)))

    def _chat_call(
        self, messages: Sequence[ChatMessage], options: ChatOptions
    ) -> "Call[ChatReply]":
        from apertis_audio_tools.api.chat import chat_call

        capabilities = self._context.capabilities
        return chat_call(messages, options, capabilities=capabilities, encode_clip=self.encode_clip)

    def _stream_call(
        self, messages: Sequence[ChatMessage], options: ChatOptions
    ) -> "StreamCall[ChatDelta]":
        from apertis_audio_tools.api.chat import chat_stream_call

        return chat_stream_call(
            messages,
            options,
            capabilities=self._context.capabilities,
            encode_clip=self.encode_clip,
        )


def _with_clips(
    messages: str | Sequence[ChatMessage], audio: Source | list[Source] | None
) -> Sequence[ChatMessage]:
    """Return the messages; a question becomes a user message with its clips."""
    if not isinstance(messages, str):
        if audio is not None:
            raise UnsupportedError(
                "audio goes with a question; in messages, use input_audio blocks."
            )
        return messages
    clips = audio if isinstance(audio, list) else [] if audio is None else [audio]
    sources = [Path(clip) if isinstance(clip, str) else clip for clip in clips]
    blocks = [{"type": "input_audio", "input_audio": {"data": source}} for source in sources]
    content = [{"type": "text", "text": messages}, *blocks] if blocks else messages
    return [{"role": "user", "content": content}]
