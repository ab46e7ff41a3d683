"""LlamaIndex's callbacks, events and spans around a chat, without audio data.

LlamaIndex passes the arguments and results of a model's methods to callbacks, events and spans as
they are, base64 audio included: the whole conversation again with every turn and with every chunk
of a stream. Here they get copies whose audio blocks have a format and no data.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, aclosing, closing
from typing import Any, TypeVar

from llama_index.core.base.llms.types import AudioBlock, ChatMessage, ChatResponse, ContentBlock
from llama_index.core.instrumentation import DISPATCHER_SPAN_DECORATED_ATTR  # type: ignore[attr-defined]
from llama_index.core.instrumentation.dispatcher import active_instrument_tags, instrument_tags  # type: ignore[attr-defined]
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.llm import LLM

from apertis_audio_tools.errors import UnsupportedError
from apertis_audio_tools.llama_index.events import dispatcher

Messages = Sequence[ChatMessage]
Arguments = Mapping[str, object]
Chunks = Generator[ChatResponse]
AsyncChunks = AsyncGenerator[ChatResponse]

T = TypeVar("T")
Method = TypeVar("Method", bound=Callable[..., object])


def without_span(method: Method) -> Method:
    """Exempt a method from the span LlamaIndex would open, with its arguments and its result."""
    setattr(method, DISPATCHER_SPAN_DECORATED_ATTR, True)
    return method


def trace_completion(method: Method) -> Method:
    """Apply `llm_completion_callback` without losing the signature of the method."""
    traced: Method = llm_completion_callback()(method)
    return traced


def trace_chat(
    llm: LLM, ask: Callable[..., ChatResponse], messages: Messages, arguments: Arguments
) -> ChatResponse:
    """Return ``ask(messages, **arguments)``, traced as the ``chat`` of a model."""
    latest = _Latest()

    def chat(_llm: LLM, _messages: Messages, **arguments: object) -> ChatResponse:
        return latest.keep(ask(messages, **arguments))

    with _tagged(llm, arguments):
        _trace(chat, llm)(strip_audio(messages), **arguments)
    return latest.response


async def trace_achat(
    llm: LLM, ask: Callable[..., Awaitable[ChatResponse]], messages: Messages, arguments: Arguments
) -> ChatResponse:
    """Async version of `trace_chat`."""
    latest = _Latest()

    async def achat(_llm: LLM, _messages: Messages, **arguments: object) -> ChatResponse:
        return latest.keep(await ask(messages, **arguments))

    with _tagged(llm, arguments):
        await _trace(achat, llm)(strip_audio(messages), **arguments)
    return latest.response


def trace_stream_chat(
    llm: LLM, ask: Callable[..., Chunks], messages: Messages, arguments: Arguments
) -> Chunks:
    """Return ``ask(messages, **arguments)``, traced as the ``stream_chat`` of a model."""
    latest, chunks = _Latest(), ask(messages, **arguments)

    def stream_chat(_llm: LLM, _messages: Messages, **_: object) -> Chunks:
        return (latest.keep(chunk) for chunk in chunks)

    with _tagged(llm, arguments):
        traced = _trace(stream_chat, llm)(strip_audio(messages), **arguments)
    return _yield_originals(traced, chunks, latest)


async def trace_astream_chat(
    llm: LLM, ask: Callable[..., AsyncChunks], messages: Messages, arguments: Arguments
) -> AsyncChunks:
    """Async version of `trace_stream_chat`."""
    latest, chunks = _Latest(), ask(messages, **arguments)

    async def astream_chat(_llm: LLM, _messages: Messages, **_: object) -> AsyncChunks:
        return (latest.keep(chunk) async for chunk in chunks)

    with _tagged(llm, arguments):
        traced = await _trace(astream_chat, llm)(strip_audio(messages), **arguments)
    return _ayield_originals(traced, chunks, latest)


def strip_audio(messages: Messages) -> list[ChatMessage]:
    """Return the messages without audio data; refuse anything but `ChatMessage`."""
    if not all(isinstance(each, ChatMessage) for each in messages):
        raise UnsupportedError("A chat accepts a list of ChatMessage; for text, use complete.")
    return [_strip_message(message) for message in messages]


def genai_tags(operation: str, model: object) -> dict[str, Any]:
    """Return the tags of a span: the attributes of OpenTelemetry for generative AI."""
    return {
        **active_instrument_tags.get(),
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": "apertis",
        "gen_ai.request.model": model,
    }


def _tagged(llm: LLM, arguments: Arguments) -> AbstractContextManager[None]:
    """Return a context whose spans and events have the tags of a request."""
    model = arguments.get("model") or llm.metadata.model_name
    tags: AbstractContextManager[None] = instrument_tags(genai_tags("chat", model))
    return tags


class _Latest:
    """The latest response of a model, with its audio."""

    response: ChatResponse

    def keep(self, response: ChatResponse) -> ChatResponse:
        """Keep the response and return it without audio data."""
        self.response = response
        return response.model_copy(update={"message": _strip_message(response.message)})


def _strip_message(message: ChatMessage) -> ChatMessage:
    return message.model_copy(update={"blocks": list(map(_strip_block, message.blocks))})


def _strip_block(block: ContentBlock) -> ContentBlock:
    if not isinstance(block, AudioBlock) or block.path is not None:
        return block
    return AudioBlock(format=block.format)


def _trace(method: Callable[..., T], llm: LLM) -> Callable[..., T]:
    """Bind a method to a model, wrapped in LlamaIndex's callbacks, events and span."""
    bound: Callable[..., T] = dispatcher.span(llm_chat_callback()(method)).__get__(llm)
    return bound


def _yield_originals(traced: Chunks, chunks: Chunks, latest: _Latest) -> Chunks:
    """Yield the original of each traced chunk; leave nothing open if the caller stops early."""
    with closing(chunks), closing(traced):
        for _ in traced:
            yield latest.response


async def _ayield_originals(
    traced: AsyncChunks, chunks: AsyncChunks, latest: _Latest
) -> AsyncChunks:
    """Async version of `_yield_originals`."""
    async with aclosing(chunks), aclosing(traced):
        async for _ in traced:
            yield latest.response
