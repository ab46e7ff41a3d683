"""The two colours of a verb, made from one description of what to send.

A verb is described once, as a method that prepares a call; these decorators make the blocking and
the awaiting method of it, with its parameters and its documentation.
"""

import asyncio
import contextlib
import functools
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator, Iterator
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, get_args

from apertis_audio_tools.calls import Call, Streamed
from apertis_audio_tools.discretion import discreet
from apertis_audio_tools.drivers import Drivers
from apertis_audio_tools.jobs import Job
from apertis_audio_tools.many import Many, Outcome
from apertis_audio_tools.results import Transcript

P = ParamSpec("P")
R = TypeVar("R")


class Driven(Protocol):
    """A client whose verbs the drivers carry."""

    _drivers: Drivers


C = TypeVar("C", bound=Driven)


def blocking(prepare: Callable[Concatenate[C, P], Call[R]]) -> Callable[Concatenate[C, P], R]:
    """The verb that waits for the answer of the prepared call."""

    def verb(self: C, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._drivers.answer(prepare(self, *args, **kwargs))

    return _named(discreet(verb), prepare, "", _read_by(prepare))


def awaiting(
    prepare: Callable[Concatenate[C, P], Call[R]],
) -> Callable[Concatenate[C, P], Coroutine[Any, Any, R]]:
    """The same verb for asyncio; preparing may read files, so it happens off the event loop."""

    async def verb(self: C, /, *args: P.args, **kwargs: P.kwargs) -> R:
        call = await asyncio.to_thread(prepare, self, *args, **kwargs)
        return await self._drivers.aanswer(call)

    return _named(discreet(verb), prepare, "a", _read_by(prepare))


def streaming(
    prepare: Callable[Concatenate[C, P], Streamed[R]],
) -> Callable[Concatenate[C, P], Iterator[R]]:
    """The verb that hands the answer on as it arrives; what cannot be, it refuses at once."""

    def verb(self: C, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[R]:
        return self._drivers.stream(prepare(self, *args, **kwargs))

    return _named(discreet(verb), prepare, "", _read_by(prepare, Iterator))


def streaming_awaiting(
    prepare: Callable[Concatenate[C, P], Streamed[R]],
) -> Callable[Concatenate[C, P], AsyncIterator[R]]:
    """The same verb for asyncio: an asynchronous generator, which begins when it is iterated."""

    async def verb(self: C, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[R]:
        call = await asyncio.to_thread(prepare, self, *args, **kwargs)
        async with contextlib.aclosing(self._drivers.astream(call)) as items:
            async for item in items:
                yield item

    return _named(discreet(verb), prepare, "a", _read_by(prepare, AsyncIterator))


def piecewise(
    prepare: Callable[Concatenate[C, P], Job],
) -> Callable[Concatenate[C, P], Transcript]:
    """The verb that waits for all pieces of the prepared job."""

    def verb(self: C, /, *args: P.args, **kwargs: P.kwargs) -> Transcript:
        return self._drivers.carry_out(prepare(self, *args, **kwargs))

    return _named(discreet(verb), prepare, "", Transcript)


def piecewise_awaiting(
    prepare: Callable[Concatenate[C, P], Job],
) -> Callable[Concatenate[C, P], Coroutine[Any, Any, Transcript]]:
    """The same verb for asyncio."""

    async def verb(self: C, /, *args: P.args, **kwargs: P.kwargs) -> Transcript:
        job = await asyncio.to_thread(prepare, self, *args, **kwargs)
        return await self._drivers.acarry_out(job)

    return _named(discreet(verb), prepare, "a", Transcript)


def many(
    prepare: Callable[Concatenate[C, P], Many],
) -> Callable[Concatenate[C, P], Generator[Outcome]]:
    """The verb that hands outcomes on as it is asked for them; what cannot be, it refuses at once.

    Nothing begins before the first is asked for.
    """

    def verb(self: C, /, *args: P.args, **kwargs: P.kwargs) -> Generator[Outcome]:
        return self._drivers.carry_many(prepare(self, *args, **kwargs))

    return _named(discreet(verb), prepare, "", Generator[Outcome])


def many_awaiting(
    prepare: Callable[Concatenate[C, P], Many],
) -> Callable[Concatenate[C, P], AsyncGenerator[Outcome]]:
    """The same verb for asyncio."""

    def verb(self: C, /, *args: P.args, **kwargs: P.kwargs) -> AsyncGenerator[Outcome]:
        return self._drivers.acarry_many(prepare(self, *args, **kwargs))

    return _named(discreet(verb), prepare, "a", AsyncGenerator[Outcome])


V = TypeVar("V", bound=Callable[..., Any])


def _named(verb: V, prepare: Callable[..., Any], prefix: str, result: Any) -> V:
    """The verb under its own name, with the documentation and the parameters of `prepare`."""
    functools.update_wrapper(verb, prepare)
    verb.__name__ = prefix + prepare.__name__.removeprefix("_")
    verb.__qualname__ = prepare.__qualname__.replace(prepare.__name__, verb.__name__)
    signature = inspect.signature(prepare)
    verb.__annotations__ = {**prepare.__annotations__, "return": result}
    verb.__signature__ = signature.replace(return_annotation=result)  # type: ignore[attr-defined]
    return verb


def _read_by(prepare: Callable[..., Any], wrapper: Any = None) -> Any:
    """What the prepared call gives in the end: the ``R`` of its ``Call[R]``."""
    (result,) = get_args(inspect.signature(prepare).return_annotation)
    return wrapper[result] if wrapper else result
