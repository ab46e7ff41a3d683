"""The chat model: it accepts audio, replies in text or audio, and calls tools."""

import asyncio
import contextlib
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import ExitStack
from typing import Any, Literal

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    MessageLikeRepresentation,
    convert_to_messages,
)
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel

from apertis_audio_tools.adapters.chat_schema.lost_clips import encode_clips
from apertis_audio_tools.adapters.chat_schema.options import fill_model_name, wants_speech
from apertis_audio_tools.adapters.chat_schema.replies import ReplyBuilder, resolve_tool_choice
from apertis_audio_tools.adapters.chat_schema.token_counts import text_tokens
from apertis_audio_tools.adapters.chat_schema.turns import Turn
from apertis_audio_tools.api.options import ChatOptions
from apertis_audio_tools.langchain import structured_output
from apertis_audio_tools.langchain.chat_settings import ChatSettings
from apertis_audio_tools.langchain.message_tokens import count_tokens
from apertis_audio_tools.langchain.messages import (
    build_turns,
    delta_chunk,
    last_chunk,
    reply_chunk,
    reply_message,
)
from apertis_audio_tools.langchain.model_errors import RETRYABLE_ERRORS, raising_model_errors
from apertis_audio_tools.results import ChatReply


class ChatApertisAudio(ChatSettings):
    """Chat models of Apertis that accept audio and can speak.

    Audio is passed as standard blocks, ``{"type": "audio", "base64": ..., "mime_type": ...}``, or
    with ``"path"`` in place of ``"base64"`` for files that `file_access` allows. OpenAI's
    ``input_audio`` blocks work as well. Any format is accepted, and converted where the service
    would refuse it. With a `voice`, replies are spoken: ``reply.text`` has the words, and a
    standard block the audio. Later turns refer to a spoken reply by its id, without uploading it;
    once the id has expired, the words are sent. An earlier clip that is gone, and the oldest ones
    of a request that would be too large, become a note, with a warning.

    Text replies are streamed. The service cannot stream spoken replies, which come as one chunk.

    LangChain passes messages to callbacks and tracers as they are, including audio in base64. To
    avoid that, refer to clips by path, and turn tracing off for spoken replies.

    Examples:
        >>> from langchain_core.messages import HumanMessage
        >>> from apertis_audio_tools import FileAccess
        >>> from apertis_audio_tools.langchain import ChatApertisAudio
        >>> model = ChatApertisAudio(voice="nova", file_access=FileAccess("."))
        >>> clip = {"type": "audio", "path": "meeting.m4a"}
        >>> question = {"type": "text", "text": "What was decided?"}
        >>> reply = model.invoke([HumanMessage([question, clip])])
        >>> print(reply.text)
        >>> sound = reply.content_blocks[1]["base64"]

    Args:
        model: Chat model. For settings shared with other integrations, the names ``model_name``,
            ``stop_sequences``, ``max_completion_tokens`` and ``request_timeout`` are accepted as
            well; type checkers know only the names here.
        voice: Voice of spoken replies; implies them.
        audio_format: Format of spoken replies: wav, mp3, flac, opus, aac or pcm16.
        audio: Voice and format of spoken replies as in the API reference, ``{"voice": "nova",
            "format": "mp3"}``, in place of both; `bind` and `model_kwargs` accept it as well.
        modalities: ``["text", "audio"]`` for spoken replies, ``["text"]`` for text only.
        temperature: Sampling temperature, 0 to 2.
        top_p: Nucleus sampling, 0 to 1.
        max_tokens: Longest reply, in tokens.
        stop: Sequences that end the reply.
        seed: Seed for repeatable replies, as far as the model supports them.
        parallel_tool_calls: True if several tools may be called at once.
        model_kwargs: Further fields of the chat schema, sent as they are.
        streaming: True to stream inside `invoke` as well, for callbacks.
        file_access: Files that messages may refer to. Defaults to none. With it, LangChain's global
            cache of replies is off by default.
        cache: LangChain's cache of replies. It knows a clip in a file by its path and the folders
            of `file_access`, not by its content.
        api_key: API key. Defaults to the ``APERTIS_API_KEY`` environment variable. The other
            settings of `ApertisAudio` are accepted as well, except for its ``cache``.
        client: `ApertisAudio` to share, in place of these settings.

    Raises:
        ConfigurationError: If there is no API key, or a setting is invalid.
        UnsupportedError: If the request is known to be impossible; nothing is sent.
        AccessError: If a message refers to a file that may not be read.
        APIError: If the service refuses the request, cannot be reached, or sends a malformed
            response. All errors of a call are also the matching class of LangChain's own
            (`langchain_core.exceptions.ModelError`), as far as the installed version has it.
    """

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> ChatResult:
        with raising_model_errors():
            return _chat_result(self._reply(messages, self._options(stop, kwargs)))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> ChatResult:
        with raising_model_errors():
            return _chat_result(await self._areply(messages, self._options(stop, kwargs)))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        with raising_model_errors():
            yield from self._chunks(messages, self._options(stop, kwargs))

    def _chunks(
        self, messages: list[BaseMessage], options: ChatOptions
    ) -> Iterator[ChatGenerationChunk]:
        if wants_speech(options):
            yield ChatGenerationChunk(message=reply_chunk(self._reply(messages, options)))
            return
        builder = ReplyBuilder()
        with ExitStack() as files:
            turns = self._turns(messages, files)
            for delta in self._lazy_client.client.stream_chat_with(turns, options):
                builder.add(delta)
                yield ChatGenerationChunk(message=delta_chunk(delta))
        yield _last_generation_chunk(builder, options)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        with raising_model_errors():
            async with contextlib.aclosing(
                self._achunks(messages, self._options(stop, kwargs))
            ) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def _achunks(
        self, messages: list[BaseMessage], options: ChatOptions
    ) -> AsyncGenerator[ChatGenerationChunk]:
        if wants_speech(options):
            yield ChatGenerationChunk(message=reply_chunk(await self._areply(messages, options)))
            return
        builder = ReplyBuilder()
        with ExitStack() as files:
            turns = await asyncio.to_thread(self._turns, messages, files)
            stream = self._lazy_client.client.astream_chat_with(turns, options)
            async with contextlib.aclosing(stream) as deltas:
                async for delta in deltas:
                    builder.add(delta)
                    yield ChatGenerationChunk(message=delta_chunk(delta))
        yield _last_generation_chunk(builder, options)

    def _reply(self, messages: list[BaseMessage], options: ChatOptions) -> ChatReply:
        with ExitStack() as files:
            turns = self._turns(messages, files)
            reply = self._lazy_client.client.chat_with(turns, options)
        return fill_model_name(reply, options)

    async def _areply(self, messages: list[BaseMessage], options: ChatOptions) -> ChatReply:
        with ExitStack() as files:
            turns = await asyncio.to_thread(self._turns, messages, files)
            reply = await self._lazy_client.client.achat_with(turns, options)
        return fill_model_name(reply, options)

    def _turns(self, messages: list[BaseMessage], files: ExitStack) -> list[Turn]:
        turns = build_turns(messages, self.file_access, files, now=time.time())
        return encode_clips(turns, self._lazy_client.client.encode_clip)

    def get_num_tokens(self, text: str) -> int:
        """Return about how many tokens a text has."""
        return text_tokens(text)

    def get_num_tokens_from_messages(
        self,
        messages: Iterable[MessageLikeRepresentation],
        tools: Sequence[Any] | None = None,
    ) -> int:
        """Return about how many tokens messages and tools have for the model.

        A clip counts by its length, 10 tokens a second, and a spoken reply with 20. Pass this
        method as ``token_counter`` to `trim_messages` and SummarizationMiddleware, whose own
        counter takes audio in base64 for text.
        """
        return count_tokens(
            convert_to_messages([*messages]), tools, self.file_access, now=time.time()
        )

    def with_retry(
        self,
        *,
        retry_if_exception_type: tuple[type[BaseException], ...]
        | Callable[[BaseException], bool] = RETRYABLE_ERRORS,
        **options: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return the model with retries, by default of errors that may pass only.

        The client retries by itself, see `ApertisAudio`; these attempts come on top.

        Args:
            retry_if_exception_type: Errors to retry.
            options: Further options of `Runnable.with_retry`, such as ``stop_after_attempt``.
        """
        return super().with_retry(retry_if_exception_type=retry_if_exception_type, **options)

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | bool | Mapping[str, Any] | None = None,
        parallel_tool_calls: bool | None = None,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return the model with tools it may call.

        Args:
            tools: Tools in any form LangChain accepts.
            tool_choice: ``auto``, ``none``, ``any`` or ``required``, or the name of a tool.
            parallel_tool_calls: True if several tools may be called at once.
            strict: True if arguments must follow the schema exactly.
            kwargs: Further arguments of each call.

        Raises:
            UnsupportedError: If `tool_choice` names a tool that does not exist.
        """
        declared = [convert_to_openai_tool(tool, strict=strict) for tool in tools]
        names = [tool["function"]["name"] for tool in declared]
        if (choice := resolve_tool_choice(tool_choice, names)) is not None:
            kwargs["tool_choice"] = choice
        if parallel_tool_calls is not None:
            kwargs["parallel_tool_calls"] = parallel_tool_calls
        return self.bind(tools=declared, **kwargs)

    def with_structured_output(
        self,
        schema: dict[str, Any] | type,
        *,
        include_raw: bool = False,
        method: Literal["function_calling", "json_schema", "json_mode"] = "function_calling",
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, dict[str, Any] | BaseModel]:
        """Return the model with replies that follow a schema.

        Args:
            schema: Pydantic class, typed dictionary, JSON schema or function declaration.
            include_raw: True to return ``{"raw", "parsed", "parsing_error"}``, and not to raise
                when the reply cannot be parsed.
            method: ``function_calling`` requires a tool call; ``json_schema`` sends the schema;
                ``json_mode`` requests JSON, whose keys the conversation has to describe. The
                service does not document the last two.
            strict: True if the schema must be followed exactly.
            kwargs: Further arguments of each call.

        Raises:
            UnsupportedError: If there is no such method.
        """
        structured_output.require_method(method)
        tracing = {"kwargs": {"method": method, "strict": strict}, "schema": schema}
        if method == "function_calling":
            model: Runnable[LanguageModelInput, AIMessage] = self.bind_tools(
                [schema],
                tool_choice="any",
                strict=strict,
                ls_structured_output_format=tracing,
                **kwargs,
            )
            parser = structured_output.tool_parser(schema)
        else:
            form = structured_output.response_format(schema, method, strict=strict)
            model = self.bind(response_format=form, ls_structured_output_format=tracing, **kwargs)
            parser = structured_output.json_parser(schema)
        return structured_output.parse_replies(model, parser, include_raw=include_raw)


def _chat_result(reply: ChatReply) -> ChatResult:
    return ChatResult(generations=[ChatGeneration(message=reply_message(reply))])


def _last_generation_chunk(builder: ReplyBuilder, options: ChatOptions) -> ChatGenerationChunk:
    reply = fill_model_name(builder.build(), options)
    return ChatGenerationChunk(message=last_chunk(reply))
