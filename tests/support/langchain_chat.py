"""Call a chat model, sync or async, so that each test is written once and run twice."""

import asyncio
import functools
import operator
from collections.abc import Callable
from typing import Any

from langchain_core.messages import AIMessageChunk


def ask_sync(model: Any, messages: Any, **options: Any) -> Any:
    return model.invoke(messages, **options)


def ask_async(model: Any, messages: Any, **options: Any) -> Any:
    async def invoke() -> Any:
        return await model.ainvoke(messages, **options)

    return asyncio.run(invoke())


def stream_sync(model: Any, messages: Any, **options: Any) -> list[Any]:
    return list(model.stream(messages, **options))


def stream_async(model: Any, messages: Any, **options: Any) -> list[Any]:
    async def collect() -> list[Any]:
        return [chunk async for chunk in model.astream(messages, **options)]

    return asyncio.run(collect())


def merge_chunks(chunks: list[AIMessageChunk]) -> AIMessageChunk:
    """Return the message that the chunks of a stream add up to."""
    return functools.reduce(operator.add, chunks)


def ask_by_stream_sync(model: Any, messages: Any, **options: Any) -> Any:
    return merge_chunks(stream_sync(model, messages, **options))


def ask_by_stream_async(model: Any, messages: Any, **options: Any) -> Any:
    return merge_chunks(stream_async(model, messages, **options))


Ask = Callable[..., Any]

WHOLE: dict[str, Ask] = {"invoke": ask_sync, "ainvoke": ask_async}
STREAMS: dict[str, Ask] = {"stream": stream_sync, "astream": stream_async}
ALL: dict[str, Ask] = {
    **WHOLE,
    "stream": ask_by_stream_sync,
    "astream": ask_by_stream_async,
}
