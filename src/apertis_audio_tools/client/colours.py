"""The two colours of a verb, made from one description of what to send.

A verb is described once, as a method that prepares a call; these decorators make the blocking and
the awaiting method of it, with its parameters and its documentation.
"""

import contextlib
import functools
import inspect
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterator,
)
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, get_args

from apertis_audio_tools.api import Call, StreamCall
from apertis_audio_tools.pipeline.batch import BatchRequest, Outcome
from apertis_audio_tools.pipeline.batch_runner import BatchRunner
from apertis_audio_tools.pipeline.tracebacks import discreet
from apertis_audio_tools.pipeline.transcription_job import TranscriptionJob
from apertis_audio_tools.pipeline.worker_pool import run_in_thread
from apertis_audio_tools.results import Transcript

P = ParamSpec("P")
R = TypeVar("R")
W = TypeVar("W")


class Driven(Protocol):
    """A client whose verbs the drivers carry."""

    _drivers: BatchRunner


C = TypeVar("C", bound=Driven)


def carried(
    carry: Callable[[BatchRunner, W], R],
    prepare: Callable[Concatenate[C, P], W],
    result: Any,
    prefix: str = "",
) -> Callable[Concatenate[C, P], R]:
    """The verb that has the drivers carry what is prepared.

    Args:
        carry: How.
        prepare: The description of the verb.
        result: What the verb says that it gives.
        prefix: Of its name.
    """

    def verb(self: C, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return carry(self._drivers, prepare(self, *args, **kwargs))

    return _named(discreet(verb), prepare, prefix, result)


def carried_awaiting(
    carry: Callable[[BatchRunner, W], Awaitable[R]],
    prepare: Callable[Concatenate[C, P], W],
    result: Any,
) -> Callable[Concatenate[C, P], Coroutine[Any, Any, R]]:
    """The same for asyncio; preparing may read files, so it happens off the event loop."""

    async def verb(self: C, /, *args: P.args, **kwargs: P.kwargs) -> R:
        prepared = await run_in_thread(prepare, self, *args, **kwargs)
        return await carry(self._drivers, prepared)

    return _named(discreet(verb), prepare, "a", result)


def carried_iterating(
    carry: Callable[[BatchRunner, W], AsyncGenerator[R]],
    prepare: Callable[Concatenate[C, P], W],
    result: Any,
) -> Callable[Concatenate[C, P], AsyncIterator[R]]:
    """The same, as an asynchronous generator."""

    async def verb(self: C, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[R]:
        prepared = await run_in_thread(prepare, self, *args, **kwargs)
        async with contextlib.aclosing(carry(self._drivers, prepared)) as items:
            async for item in items:
                yield item

    return _named(discreet(verb), prepare, "a", result)


def blocking(prepare: Callable[Concatenate[C, P], Call[R]]) -> Callable[Concatenate[C, P], R]:
    """The verb that waits for the answer of the prepared call."""
    return carried(BatchRunner.answer, prepare, _read_by(prepare))


def awaiting(
    prepare: Callable[Concatenate[C, P], Call[R]],
) -> Callable[Concatenate[C, P], Coroutine[Any, Any, R]]:
    """The same verb for asyncio."""
    return carried_awaiting(BatchRunner.aanswer, prepare, _read_by(prepare))


def streaming(
    prepare: Callable[Concatenate[C, P], StreamCall[R]],
) -> Callable[Concatenate[C, P], Iterator[R]]:
    """The verb that hands the answer on as it arrives; what cannot be, it refuses at once."""
    return carried(BatchRunner.stream, prepare, _read_by(prepare, Iterator))


def streaming_awaiting(
    prepare: Callable[Concatenate[C, P], StreamCall[R]],
) -> Callable[Concatenate[C, P], AsyncIterator[R]]:
    """The same verb for asyncio: an asynchronous generator, which begins when it is iterated."""
    return carried_iterating(BatchRunner.astream, prepare, _read_by(prepare, AsyncIterator))


def piecewise(
    prepare: Callable[Concatenate[C, P], TranscriptionJob],
) -> Callable[Concatenate[C, P], Transcript]:
    """The verb that waits for all pieces of the prepared job."""
    return carried(BatchRunner.carry_out, prepare, Transcript)


def piecewise_awaiting(
    prepare: Callable[Concatenate[C, P], TranscriptionJob],
) -> Callable[Concatenate[C, P], Coroutine[Any, Any, Transcript]]:
    """The same verb for asyncio."""
    return carried_awaiting(BatchRunner.acarry_out, prepare, Transcript)


def many(
    prepare: Callable[Concatenate[C, P], BatchRequest],
) -> Callable[Concatenate[C, P], Generator[Outcome]]:
    """The verb that hands outcomes on as it is asked for them; what cannot be, it refuses at once.

    Nothing begins before the first is asked for.
    """
    return carried(BatchRunner.carry_many, prepare, Generator[Outcome])


def many_awaiting(
    prepare: Callable[Concatenate[C, P], BatchRequest],
) -> Callable[Concatenate[C, P], AsyncGenerator[Outcome]]:
    """The same verb for asyncio."""
    return carried(BatchRunner.acarry_many, prepare, AsyncGenerator[Outcome], "a")


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
