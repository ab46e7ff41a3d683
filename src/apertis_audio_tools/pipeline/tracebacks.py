"""What failed is told without the variables of the frames it passed.

They hold audio, what was said and the key, where tools that report errors with all variables would
find them, and some make reference cycles with the error.
"""

import contextlib
import functools
import inspect
import traceback
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, TypeVar, cast

from apertis_audio_tools.errors import ApertisError

V = TypeVar("V", bound=Callable[..., Any])


def forget_variables(error: ApertisError) -> None:
    """Clear the finished frames that an error and its causes have passed.

    What is hidden by ``from`` goes altogether: a decoding error has all that it decoded.
    """
    passed: BaseException | None = error
    while passed is not None:
        traceback.clear_frames(passed.__traceback__)
        if passed.__suppress_context__:
            passed.__context__ = None
        passed = passed.__cause__


def drop_traceback(error: ApertisError) -> None:
    """Drop the frames that an error and its causes have passed, and all that those hold.

    For errors that are kept: whoever collects them does not want the recordings, and frames that
    still run cannot be cleared.
    """
    passed: BaseException | None = error
    while passed is not None:
        passed.__traceback__ = None
        passed = passed.__cause__ or passed.__context__


def discreet(verb: V) -> V:
    """A verb of either colour, or one that hands on what comes, whose errors forget all variables.

    The frame of the verb itself, which is still there, has its arguments deleted.
    """
    told = _awaited(verb) if inspect.iscoroutinefunction(verb) else _called(verb)
    return cast("V", functools.wraps(verb)(told))


def _called(verb: Callable[..., Any]) -> Callable[..., Any]:
    def told(*args: Any, **kwargs: Any) -> Any:
        try:
            result = verb(*args, **kwargs)
        except ApertisError as error:
            del args, kwargs
            forget_variables(error)
            raise
        if isinstance(result, AsyncGenerator):
            return _acoming(result)
        return _coming(result) if isinstance(result, Generator) else result

    return told


def _awaited(verb: Callable[..., Any]) -> Callable[..., Any]:
    async def told(*args: Any, **kwargs: Any) -> Any:
        try:
            return await verb(*args, **kwargs)
        except ApertisError as error:
            del args, kwargs
            forget_variables(error)
            raise

    return told


def _coming(items: Generator[Any]) -> Generator[Any]:
    try:
        yield from items
    except ApertisError as error:
        forget_variables(error)
        raise


async def _acoming(items: AsyncGenerator[Any]) -> AsyncGenerator[Any]:
    item: Any
    async with contextlib.aclosing(items):
        try:
            async for item in items:
                yield item
        except ApertisError as error:
            item = None
            forget_variables(error)
            raise
