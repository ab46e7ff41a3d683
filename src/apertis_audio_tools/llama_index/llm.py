"""Language model for LlamaIndex that accepts audio, speaks and calls tools."""

# ruff: noqa: ARG002, FBT001, FBT002  # LlamaIndex calls with `formatted`

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from llama_index.core.base.llms.generic_utils import (
    achat_to_completion_decorator,
    astream_chat_to_completion_decorator,
    chat_to_completion_decorator,
    stream_chat_to_completion_decorator,
)
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
)
from llama_index.core.llms.loading import RECOGNIZED_LLMS

from apertis_audio_tools.adapters.chat_schema.lost_clips import encode_clips
from apertis_audio_tools.adapters.chat_schema.options import fill_model_name, wants_speech
from apertis_audio_tools.adapters.chat_schema.turns import Turn
from apertis_audio_tools.adapters.client_handle import hide_key
from apertis_audio_tools.errors import UnsupportedError
from apertis_audio_tools.llama_index import instrumentation, responses
from apertis_audio_tools.llama_index.messages import MessageReader
from apertis_audio_tools.llama_index.tool_calling import ToolCallingLLM
from apertis_audio_tools.models import AUTO


class ApertisAudioLLM(ToolCallingLLM):
    """Chat model of Apertis that accepts audio, replies in speech and calls tools.

    Audio input is an `AudioBlock`: bytes, base64, a ``data:`` URL, an open file, or the path of
    one. Any format is accepted, and converted if the service would refuse it; other URLs are not
    fetched. With a `voice`,
    replies are spoken: the message holds the words as a `TextBlock`, so that ``content`` is set as
    usual, and the audio as an `AudioBlock`. Later turns refer to a spoken reply by its id instead
    of uploading it; once the id has expired, they send its words. An `AudioBlock` in the result of
    a tool reaches the model in the next turn.

    A clip of an earlier turn that is gone, the oldest clips of a request that would be too large,
    what tools have played before the last reply, and clips older than `keep_audio` become the text
    ``[audio no longer available: NAME]``.

    Text replies are streamed. The service cannot stream spoken replies; they arrive as one chunk.
    Completions are always text.

    The callbacks, events and spans of the eight methods get messages whose audio blocks are empty.
    What LlamaIndex itself emits around them, such as the prompt of a structured prediction or the
    events of an agent, holds messages as they are: refer to clips by path if that is too much.

    Examples:
        >>> from llama_index.core.llms import AudioBlock, ChatMessage, TextBlock
        >>> from apertis_audio_tools.llama_index import ApertisAudioLLM
        >>> llm = ApertisAudioLLM(voice="nova")
        >>> clip = AudioBlock(path="meeting.m4a")
        >>> question = TextBlock(text="What was decided?")
        >>> response = llm.chat([ChatMessage(role="user", blocks=[question, clip])])
        >>> print(response.message.content)
        >>> audio = response.message.blocks[1].resolve_audio().read()

    Attributes:
        model: Chat model; it may be passed by position.
        voice: Voice of spoken replies; setting it requests them. Defaults to text replies.
        audio_format: Audio format of spoken replies: wav, mp3, flac, opus, aac or pcm16.
        modalities: ``["text", "audio"]`` for spoken replies, ``["text"]`` for text replies.
        temperature: Sampling temperature, 0 to 2.
        top_p: Nucleus sampling, 0 to 1.
        max_tokens: Maximum length of a reply, in tokens.
        stop: Sequences that end a reply.
        seed: Seed for reproducible replies, as far as the model supports them.
        parallel_tool_calls: True if several tools may be called at once, for callers that do not
            specify it; LlamaIndex always does.
        additional_kwargs: Further fields of the chat schema, sent as they are.
        context_window: Context window in tokens. Defaults to that of the default model, as
            OpenAI documents it.
        keep_audio: Number of messages, counted from the end, that keep their audio; what was said
            since the last reply is always sent. Defaults to all of them: each turn sends, and
            pays for, every clip again.
        raise_on_invalid_arguments: True to raise if a model calls a tool with arguments that are
            not a JSON object. By default the tool fails, and the model reads why.
        file_access: Files that audio blocks may point to. Defaults to any file, as everywhere in
            LlamaIndex; set it if messages come from outside your program. It is not serialised.
        api_key: API key. Defaults to the ``APERTIS_API_KEY`` environment variable. The other
            settings of `ApertisAudio` are accepted as well.
        client: `ApertisAudio` to use in place of these settings.

    Raises:
        ConfigurationError: If there is no key, or a setting is invalid.
        UnsupportedError: If the request is known to be impossible; nothing was sent.
        AccessError: If a message refers to a file that may not be read.
        RecordingError: If a clip is missing, empty or not audio.
        APIError: If the service refused, could not be reached, or sent a malformed response.
    """

    if not TYPE_CHECKING:  # type checkers know this signature from the fields

        def __init__(self, model: str = AUTO, **settings: object) -> None:
            hide_key(settings)  # first: the frames below would show the key
            super().__init__(model=model, **settings)

    # --- chatting

    def _chat(self, messages: Sequence[ChatMessage], **kwargs: object) -> ChatResponse:
        options = self._options(kwargs)
        with ExitStack() as files:
            reply = self.audio_client.chat_with(self._turns(messages, files), options)
        return responses.build_response(fill_model_name(reply, options))

    async def _achat(self, messages: Sequence[ChatMessage], **kwargs: object) -> ChatResponse:
        options = self._options(kwargs)
        with ExitStack() as files:
            turns = await asyncio.to_thread(self._turns, messages, files)
            reply = await self.audio_client.achat_with(turns, options)
        return responses.build_response(fill_model_name(reply, options))

    def _stream_chat(self, messages: Sequence[ChatMessage], **kwargs: object) -> ChatResponseGen:
        options = self._options(kwargs)
        if wants_speech(options):
            yield _as_only_chunk(self._chat(messages, **kwargs))
            return
        with ExitStack() as files:
            turns, partial = self._turns(messages, files), responses.PartialResponses()
            for delta in self.audio_client.stream_chat_with(turns, options):
                yield from partial.add(delta)
        yield partial.finish(options)

    async def _astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: object
    ) -> ChatResponseAsyncGen:
        options = self._options(kwargs)
        if wants_speech(options):
            yield _as_only_chunk(await self._achat(messages, **kwargs))
            return
        with ExitStack() as files:
            turns = await asyncio.to_thread(self._turns, messages, files)
            partial = responses.PartialResponses()
            stream = self.audio_client.astream_chat_with(turns, options)
            async with contextlib.aclosing(stream) as deltas:
                async for delta in deltas:
                    for response in partial.add(delta):
                        yield response
        yield partial.finish(options)

    @instrumentation.without_span
    def chat(self, messages: Sequence[ChatMessage], **kwargs: object) -> ChatResponse:
        """Return the model's next turn in a conversation.

        Args:
            messages: Conversation so far, text and audio.
            kwargs: Settings of the model for this call, ``tools`` and ``tool_choice`` in the chat
                schema, ``response_format``, and ``additional_kwargs`` for further fields.
        """
        return instrumentation.trace_chat(self, self._chat, messages, kwargs)

    @instrumentation.without_span
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: object) -> ChatResponse:
        """Async version of `chat`."""
        return await instrumentation.trace_achat(self, self._achat, messages, kwargs)

    @instrumentation.without_span
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: object) -> ChatResponseGen:
        """Yield the reply in chunks: each has the whole text so far, and the new part as delta.

        See `chat` for the arguments.
        """
        return instrumentation.trace_stream_chat(self, self._stream_chat, messages, kwargs)

    @instrumentation.without_span
    async def astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: object
    ) -> ChatResponseAsyncGen:
        """Async version of `stream_chat`: await it, then iterate over the result."""
        return await instrumentation.trace_astream_chat(self, self._astream_chat, messages, kwargs)

    # --- completing

    @instrumentation.trace_completion
    def complete(
        self, prompt: str, formatted: bool = False, **kwargs: object
    ) -> CompletionResponse:
        """Return the text reply to a prompt; `kwargs` are those of `chat`, except for speech."""
        return chat_to_completion_decorator(self._chat)(prompt, **_text_only(kwargs))

    @instrumentation.trace_completion
    async def acomplete(
        self, prompt: str, formatted: bool = False, **kwargs: object
    ) -> CompletionResponse:
        """Async version of `complete`."""
        return await achat_to_completion_decorator(self._achat)(prompt, **_text_only(kwargs))

    @instrumentation.trace_completion
    def stream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: object
    ) -> CompletionResponseGen:
        """Yield the reply to a prompt in chunks; see `complete`."""
        return stream_chat_to_completion_decorator(self._stream_chat)(prompt, **_text_only(kwargs))

    @instrumentation.trace_completion
    async def astream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: object
    ) -> CompletionResponseAsyncGen:
        """Async version of `stream_complete`: await it, then iterate over the result."""

        async def stream(messages: Sequence[ChatMessage], **kwargs: object) -> ChatResponseAsyncGen:
            return self._astream_chat(messages, **kwargs)

        return await astream_chat_to_completion_decorator(stream)(prompt, **_text_only(kwargs))

    def _turns(self, messages: Sequence[ChatMessage], files: ExitStack) -> list[Turn]:
        reader = MessageReader(self.file_access, files, time.time(), self.keep_audio)
        return encode_clips(reader.turns(messages), self.audio_client.encode_clip)


RECOGNIZED_LLMS[ApertisAudioLLM.class_name()] = ApertisAudioLLM
"""LlamaIndex loads serialised language models by means of this dictionary."""


def _as_only_chunk(response: ChatResponse) -> ChatResponse:
    """Return a spoken reply as the only chunk of a stream."""
    return response.model_copy(update={"delta": response.message.content or ""})


def _text_only(kwargs: Mapping[str, object]) -> dict[str, object]:
    """Return the arguments of a chat whose reply is text: completions have no place for audio."""
    if spoken := kwargs.keys() & {"modalities", "voice", "audio_format"}:
        raise UnsupportedError(
            f"A completion is text and accepts no {min(spoken)}: use chat for a spoken reply."
        )
    return {**kwargs, "modalities": ["text"]}
