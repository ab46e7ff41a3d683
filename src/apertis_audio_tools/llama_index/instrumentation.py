"""LlamaIndex's callbacks, events and spans around a chat, without the sound.

LlamaIndex hands the arguments and results of a model's methods to callbacks, events and spans as
they are, audio in base64 included: every turn of a conversation again, and a streamed reply with
every piece. Here they are given copies in which a block of audio says its format and has no sound.
"""

import functools
from collections.abc import Callable, Coroutine, Sequence
from contextlib import aclosing, closing
from typing import Any, TypeVar

from llama_index.core.base.llms.types import (
    AudioBlock,
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    ContentBlock,
)
from llama_index.core.instrumentation import DISPATCHER_SPAN_DECORATED_ATTR  # type: ignore[attr-defined]
from llama_index.core.llms.callbacks import llm_chat_callback

from apertis_audio_tools.errors import UnsupportedError
from apertis_audio_tools.llama_index.events import dispatcher

Method = TypeVar("Method", bound=Callable[..., Any])
Found = TypeVar("Found")
Awaited = Coroutine[Any, Any, Found]


def without_span(method: Method) -> Method:
    """Spare a method the span LlamaIndex would give it, with its arguments and its result."""
    setattr(method, DISPATCHER_SPAN_DECORATED_ATTR, True)
    return method


def chat(ask: Callable[..., ChatResponse]) -> Callable[..., ChatResponse]:
    """A ``chat`` that is told of."""

    @functools.wraps(ask)
    def told(llm: Any, messages: Sequence[ChatMessage], **options: Any) -> ChatResponse:
        found: list[ChatResponse] = []

        def asked(llm: Any, _: Sequence[ChatMessage], **options: Any) -> ChatResponse:
            found.append(ask(llm, messages, **options))
            return silent(found[0])

        _instrumented(asked, ask, llm)(silenced(messages), **options)
        return found[0]

    return without_span(told)


def achat(ask: Callable[..., Awaited[ChatResponse]]) -> Callable[..., Awaited[ChatResponse]]:
    """An ``achat`` that is told of."""

    @functools.wraps(ask)
    async def told(llm: Any, messages: Sequence[ChatMessage], **options: Any) -> ChatResponse:
        found: list[ChatResponse] = []

        async def asked(llm: Any, _: Sequence[ChatMessage], **options: Any) -> ChatResponse:
            found.append(await ask(llm, messages, **options))
            return silent(found[0])

        await _instrumented(asked, ask, llm)(silenced(messages), **options)
        return found[0]

    return without_span(told)


def stream_chat(ask: Callable[..., ChatResponseGen]) -> Callable[..., ChatResponseGen]:
    """A ``stream_chat`` that is told of, piece by piece."""

    @functools.wraps(ask)
    def told(llm: Any, messages: Sequence[ChatMessage], **options: Any) -> ChatResponseGen:
        latest: list[ChatResponse] = []
        pieces = _silent_pieces(ask(llm, messages, **options), latest)

        def asked(*_: Any, **__: Any) -> ChatResponseGen:
            return pieces

        heard = _instrumented(asked, ask, llm)(silenced(messages), **options)
        return _latest(heard, pieces, latest)

    return without_span(told)


def astream_chat(
    ask: Callable[..., ChatResponseAsyncGen],
) -> Callable[..., Awaited[ChatResponseAsyncGen]]:
    """An ``astream_chat`` that is told of, piece by piece."""

    @functools.wraps(ask)
    async def told(
        llm: Any, messages: Sequence[ChatMessage], **options: Any
    ) -> ChatResponseAsyncGen:
        latest: list[ChatResponse] = []
        pieces = _asilent_pieces(ask(llm, messages, **options), latest)

        async def asked(*_: Any, **__: Any) -> ChatResponseAsyncGen:
            return pieces

        heard = await _instrumented(asked, ask, llm)(silenced(messages), **options)
        return _alatest(heard, pieces, latest)

    return without_span(told)


def silenced(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """The messages without their sound.

    Raises:
        UnsupportedError: These are no messages.
    """
    if not all(isinstance(each, ChatMessage) for each in messages):
        raise UnsupportedError("A chat takes a list of ChatMessage; complete takes text.")
    return [_silent(message) for message in messages]


def silent(response: ChatResponse) -> ChatResponse:
    """A response without its sound."""
    return response.model_copy(update={"message": _silent(response.message)})


def _silent(message: ChatMessage) -> ChatMessage:
    return message.model_copy(update={"blocks": [_soundless(block) for block in message.blocks]})


def _soundless(block: ContentBlock) -> ContentBlock:
    if not isinstance(block, AudioBlock) or block.path is not None:
        return block
    return AudioBlock(format=block.format)


def _instrumented(asked: Callable[..., Any], ask: Any, llm: Any) -> Callable[..., Any]:
    """A method of the model with LlamaIndex's own callbacks, events and span around it."""
    asked.__name__, asked.__qualname__ = ask.__name__, ask.__qualname__
    method: Callable[..., Any] = dispatcher.span(llm_chat_callback()(asked)).__get__(llm)
    return method


def _silent_pieces(pieces: ChatResponseGen, latest: list[ChatResponse]) -> ChatResponseGen:
    with closing(pieces):
        for response in pieces:
            latest[:] = [response]
            yield silent(response)


async def _asilent_pieces(
    pieces: ChatResponseAsyncGen, latest: list[ChatResponse]
) -> ChatResponseAsyncGen:
    async with aclosing(pieces):
        async for response in pieces:
            latest[:] = [response]
            yield silent(response)


def _latest(
    heard: ChatResponseGen, pieces: ChatResponseGen, latest: list[ChatResponse]
) -> ChatResponseGen:
    """What was said with each piece that was heard; who leaves early leaves nothing open."""
    with closing(pieces), closing(heard):
        for _ in heard:
            yield latest[0]


async def _alatest(
    heard: ChatResponseAsyncGen, pieces: ChatResponseAsyncGen, latest: list[ChatResponse]
) -> ChatResponseAsyncGen:
    async with aclosing(pieces), aclosing(heard):
        async for _ in heard:
            yield latest[0]
