"""A chat model that hears, speaks and calls tools."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Literal

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel

from apertis_audio_tools.adapters import chat_schema
from apertis_audio_tools.adapters.chat_schema import ReplyBuilder, Turn
from apertis_audio_tools.langchain import messages as rim
from apertis_audio_tools.langchain import structured_output
from apertis_audio_tools.langchain.chat_settings import ChatSettings
from apertis_audio_tools.results import ChatReply


class ChatApertisAudio(ChatSettings):
    """The chat models of Apertis that hear and speak.

    Audio goes in as standard blocks, ``{"type": "audio", "base64": ..., "mime_type": ...}``, or
    with ``"path"`` instead, for files that `file_access` allows; OpenAI's ``input_audio`` blocks do
    as well. Any format is taken, and converted where the service would refuse it. With a `voice`,
    replies are spoken: ``reply.text`` has the words, and a standard block the sound. In later turns
    a spoken reply is referred to by its id, never uploaded; once that has expired, its words are
    sent.

    Replies in words are streamed; the service cannot stream spoken ones, which come as one chunk.

    LangChain hands messages to callbacks and tracers as they are, audio in base64 included; where
    that is too much, refer to clips by path and turn tracing off for spoken replies.

    Example:
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
        model: A chat model. The names that other integrations have, ``model_name``,
            ``stop_sequences``, ``max_completion_tokens`` and ``request_timeout``, are understood as
            well, so that their settings can be passed on; type checkers know only those here.
        voice: Speaks the replies; asks for spoken ones by itself.
        audio_format: Of spoken replies: wav, mp3, flac, opus, aac or pcm16.
        modalities: ``["text", "audio"]`` for spoken replies, ``["text"]`` for none.
        temperature: Of the sampling, 0 to 2.
        top_p: Of the sampling, 0 to 1.
        max_tokens: The longest reply, in tokens.
        stop: Where a reply ends.
        seed: For replies that can be repeated, as far as the model can.
        parallel_tool_calls: Whether several tools may be called at once.
        model_kwargs: Further fields of the chat schema, sent as they are.
        streaming: Stream also where `invoke` was called, for the callbacks' sake.
        file_access: The files that messages may refer to; without it, none. With it, LangChain's
            global cache of replies is not asked, unless you say so.
        cache: Of replies, as in all models of LangChain. It knows a clip in a file by its path and
            the folders of `file_access`, not by its content.
        api_key: Without it, the variable ``APERTIS_API_KEY``.
        base_url: Without it, ``APERTIS_BASE_URL``, then the service's own.
        timeout: Seconds of silence after which an answer counts as lost.
        deadline: Seconds one request may take with everything: waits, retries, the whole answer,
            or a stream's beginning.
        max_retries: Further attempts after the first, where they may help.
        max_wait: As in `ApertisAudio`, like ``max_concurrency``, ``requests_per_minute`` and
            ``models``.
        client: An `ApertisAudio` to share, with settings of its own.

    Raises:
        ConfigurationError: No key, or a setting that cannot be.
        UnsupportedError: Known to be impossible; nothing was sent.
        AccessError: A message refers to a file that may not be read.
        APIError: The service refused, could not be reached, or answered nonsense.
    """

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> ChatResult:
        options = self._options(stop, kwargs)
        with ExitStack() as files:
            reply = self._audio.chat(self._turns(messages, files), **options)
        return _result(chat_schema.fill_model_name(reply, options))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> ChatResult:
        options = self._options(stop, kwargs)
        with ExitStack() as files:
            turns = await asyncio.to_thread(self._turns, messages, files)
            reply = await self._audio.achat(turns, **options)
        return _result(chat_schema.fill_model_name(reply, options))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        options = self._options(stop, kwargs)
        with ExitStack() as files:
            turns = self._turns(messages, files)
            if chat_schema.wants_speech(options):
                yield _whole(
                    chat_schema.fill_model_name(self._audio.chat(turns, **options), options)
                )
                return
            so_far = ReplyBuilder()
            for delta in self._audio.stream_chat(turns, **chat_schema.text_only(options)):
                so_far.add(delta)
                yield ChatGenerationChunk(message=rim.delta_chunk(delta))
            yield _end(chat_schema.fill_model_name(so_far.build(), options))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        options = self._options(stop, kwargs)
        with ExitStack() as files:
            turns = await asyncio.to_thread(self._turns, messages, files)
            if chat_schema.wants_speech(options):
                yield _whole(
                    chat_schema.fill_model_name(await self._audio.achat(turns, **options), options)
                )
                return
            so_far = ReplyBuilder()
            stream = self._audio.astream_chat(turns, **chat_schema.text_only(options))
            async with contextlib.aclosing(stream) as deltas:  # type: ignore[type-var]
                async for delta in deltas:
                    so_far.add(delta)
                    yield ChatGenerationChunk(message=rim.delta_chunk(delta))
            yield _end(chat_schema.fill_model_name(so_far.build(), options))

    def _turns(self, messages: list[BaseMessage], files: ExitStack) -> list[Turn]:
        return rim.conversation(messages, self.file_access, files, now=time.time())

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | bool | Mapping[str, Any] | None = None,
        parallel_tool_calls: bool | None = None,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """The model with tools it may call.

        Args:
            tools: In any form LangChain knows.
            tool_choice: ``auto``, ``none``, ``any`` or ``required``, or the name of a tool.
            parallel_tool_calls: Whether several may be called at once.
            strict: Whether arguments must follow the schema to the letter.
            kwargs: Further arguments of each call.

        Raises:
            UnsupportedError: `tool_choice` names no tool there is.
        """
        declared = [convert_to_openai_tool(tool, strict=strict) for tool in tools]
        names = [tool["function"]["name"] for tool in declared]
        if (choice := chat_schema.resolve_tool_choice(tool_choice, names)) is not None:
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
        """The model with replies that follow a schema.

        Args:
            schema: A pydantic class, a typed dictionary, a JSON schema or a function's declaration.
            include_raw: Give ``{"raw", "parsed", "parsing_error"}`` and do not raise when the reply
                makes no sense.
            method: By a tool that has to be called, by a schema for the reply, or by asking for
                JSON alone, whose keys the conversation has to describe. That models follow the last
                two is not documented by the service.
            strict: Whether the schema must be followed to the letter.
            kwargs: Further arguments of each call.

        Raises:
            UnsupportedError: There is no such method.
        """
        structured_output.require_method(method)
        asked = {"kwargs": {"method": method, "strict": strict}, "schema": schema}
        if method == "function_calling":
            asking: Runnable[LanguageModelInput, AIMessage] = self.bind_tools(
                [schema],
                tool_choice="any",
                strict=strict,
                ls_structured_output_format=asked,
                **kwargs,
            )
            parser = structured_output.tool_parser(schema)
        else:
            form = structured_output.response_format(schema, method, strict=strict)
            asking = self.bind(response_format=form, ls_structured_output_format=asked, **kwargs)
            parser = structured_output.json_parser(schema)
        return structured_output.parsed(asking, parser, include_raw=include_raw)


def _result(reply: ChatReply) -> ChatResult:
    return ChatResult(generations=[ChatGeneration(message=rim.reply_message(reply))])


def _whole(reply: ChatReply) -> ChatGenerationChunk:
    return ChatGenerationChunk(message=rim.reply_chunk(reply))


def _end(reply: ChatReply) -> ChatGenerationChunk:
    return ChatGenerationChunk(message=rim.last_chunk(reply))
