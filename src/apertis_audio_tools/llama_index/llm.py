"""A language model of LlamaIndex that hears, speaks and calls tools."""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

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
from llama_index.core.llms.callbacks import llm_completion_callback

from apertis_audio_tools.adapters import chat_schema
from apertis_audio_tools.adapters.chat_schema import ReplyBuilder, Turn
from apertis_audio_tools.errors import UnsupportedError
from apertis_audio_tools.llama_index import instrumentation, responses
from apertis_audio_tools.llama_index.messages import MessageReader
from apertis_audio_tools.llama_index.tool_calling import ToolCallingLLM

_OF_A_COMPLETION: dict[str, Any] = {"modalities": ["text"]}


class ApertisAudioLLM(ToolCallingLLM):
    """The chat models of Apertis that hear and speak.

    Audio goes in as an `AudioBlock`: bytes, base64, an open file, or the path of one. Any format is
    taken, and converted where the service would refuse it; nothing is fetched from a URL. With a
    `voice`, replies are spoken: the message has the words as a `TextBlock`, so that ``content`` is
    there as ever, and the sound as an `AudioBlock`. In later turns a spoken reply is referred to by
    its id, never uploaded; once that has expired, its words are sent. What tools answer as an
    `AudioBlock` reaches the model in the next turn.

    Replies in words are streamed; the service cannot stream spoken ones, which come as one piece.
    Completions are always in words.

    Callbacks, events and spans of the eight methods have all but the sound: there, a block of audio
    is empty. What LlamaIndex itself puts around them, such as the prompt of a structured
    prediction or the events of an agent, has messages as they are: refer to clips by path where
    that is too much.

    Example:
        >>> from llama_index.core.llms import AudioBlock, ChatMessage, TextBlock
        >>> from apertis_audio_tools.llama_index import ApertisAudioLLM
        >>> llm = ApertisAudioLLM(voice="nova")
        >>> clip = AudioBlock(path="meeting.m4a")
        >>> question = TextBlock(text="What was decided?")
        >>> response = llm.chat([ChatMessage(role="user", blocks=[question, clip])])
        >>> print(response.message.content)
        >>> sound = response.message.blocks[1].resolve_audio().read()

    Attributes:
        model: A chat model.
        voice: Speaks the replies; asks for spoken ones by itself.
        audio_format: Of spoken replies: wav, mp3, flac, opus, aac or pcm16.
        modalities: ``["text", "audio"]`` for spoken replies, ``["text"]`` for none.
        temperature: Of the sampling, 0 to 2.
        top_p: Of the sampling, 0 to 1.
        max_tokens: The longest reply, in tokens.
        stop: Where a reply ends.
        seed: For replies that can be repeated, as far as the model can.
        parallel_tool_calls: Whether several tools may be called at once, where the caller does not
            say; LlamaIndex always does.
        additional_kwargs: Further fields of the chat schema, sent as they are.
        context_window: In tokens; that of the default model, from OpenAI's page about it.
        file_access: The files that audio blocks may point to; without it any, as everywhere in
            LlamaIndex. Give one where messages come from outside of your program. It is not
            written into dictionaries.
        api_key: As in `ApertisAudio`, like ``base_url``, ``timeout``, ``deadline``,
            ``max_retries``, ``max_wait``, ``max_concurrency``, ``requests_per_minute`` and
            ``models``.
        client: An `ApertisAudio` instead of all these.

    Raises:
        ConfigurationError: No key, or a setting that cannot be.
        UnsupportedError: Known to be impossible; nothing was sent.
        AccessError: A message refers to a file that may not be read.
        RecordingError: A clip is missing, empty or no audio.
        APIError: The service refused, could not be reached, or answered nonsense.
    """

    # --- chatting

    def _chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        options = self._options(kwargs)
        with ExitStack() as files:
            reply = self.audio.chat_with(self._turns(messages, files), options)
        return responses.response(chat_schema.fill_model_name(reply, options))

    async def _achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        options = self._options(kwargs)
        with ExitStack() as files:
            turns = await asyncio.to_thread(self._turns, messages, files)
            reply = await self.audio.achat_with(turns, options)
        return responses.response(chat_schema.fill_model_name(reply, options))

    def _stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        options = self._options(kwargs)
        if chat_schema.wants_speech(options):
            yield _at_once(self._chat(messages, **kwargs))
            return
        with ExitStack() as files:
            turns, so_far = self._turns(messages, files), ReplyBuilder()
            for delta in self.audio.stream_chat_with(turns, options):
                so_far.add(delta)
                yield responses.response_so_far(so_far, delta.text)
        yield responses.response(chat_schema.fill_model_name(so_far.build(), options), "")

    async def _astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> ChatResponseAsyncGen:
        options = self._options(kwargs)
        if chat_schema.wants_speech(options):
            yield _at_once(await self._achat(messages, **kwargs))
            return
        with ExitStack() as files:
            turns, so_far = await asyncio.to_thread(self._turns, messages, files), ReplyBuilder()
            stream = self.audio.astream_chat_with(turns, options)
            async with contextlib.aclosing(stream) as deltas:
                async for delta in deltas:
                    so_far.add(delta)
                    yield responses.response_so_far(so_far, delta.text)
        yield responses.response(chat_schema.fill_model_name(so_far.build(), options), "")

    @instrumentation.chat
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """The model's turn in a conversation.

        Args:
            messages: What was said and played so far.
            kwargs: Settings of the model for this call, ``tools`` and ``tool_choice`` in the chat
                schema, ``response_format``, and ``additional_kwargs`` for further fields.
        """
        return self._chat(messages, **kwargs)

    @instrumentation.achat
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """The same on the event loop."""
        return await self._achat(messages, **kwargs)

    @instrumentation.stream_chat
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """The same piece by piece: each has all that was said so far, and what is new of it."""
        return self._stream_chat(messages, **kwargs)

    @instrumentation.astream_chat
    def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        """The same on the event loop; to be awaited, and then iterated."""
        return self._astream_chat(messages, **kwargs)

    # --- completing

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:  # noqa: ARG002, FBT001, FBT002
        """The words of a reply to a prompt; `kwargs` are those of `chat` but for speech."""
        return chat_to_completion_decorator(self._chat)(prompt, **_in_words(kwargs))

    @llm_completion_callback()
    async def acomplete(
        self,
        prompt: str,
        formatted: bool = False,  # noqa: ARG002, FBT001, FBT002
        **kwargs: Any,
    ) -> CompletionResponse:
        """The same on the event loop."""
        return await achat_to_completion_decorator(self._achat)(prompt, **_in_words(kwargs))

    @llm_completion_callback()
    def stream_complete(
        self,
        prompt: str,
        formatted: bool = False,  # noqa: ARG002, FBT001, FBT002
        **kwargs: Any,
    ) -> CompletionResponseGen:
        """The same piece by piece."""
        return stream_chat_to_completion_decorator(self._stream_chat)(prompt, **_in_words(kwargs))

    @llm_completion_callback()
    async def astream_complete(
        self,
        prompt: str,
        formatted: bool = False,  # noqa: ARG002, FBT001, FBT002
        **kwargs: Any,
    ) -> CompletionResponseAsyncGen:
        """The same on the event loop; to be awaited, and then iterated."""

        async def streaming(messages: Sequence[ChatMessage], **kwargs: Any) -> Any:
            return self._astream_chat(messages, **kwargs)

        return await astream_chat_to_completion_decorator(streaming)(prompt, **_in_words(kwargs))

    def _turns(self, messages: Sequence[ChatMessage], files: ExitStack) -> list[Turn]:
        return MessageReader(self.file_access, files, time.time()).turns(messages)


def _at_once(response: ChatResponse) -> ChatResponse:
    """A spoken reply as the only piece of a stream."""
    return response.model_copy(update={"delta": response.message.content or ""})


def _in_words(given: Mapping[str, Any]) -> dict[str, Any]:
    """What is asked of a completion, which has no place for sound."""
    if spoken := given.keys() & {"modalities", "voice", "audio_format"}:
        raise UnsupportedError(f"A completion is words and takes no {min(spoken)}: chat speaks.")
    return {**given, **_OF_A_COMPLETION}
