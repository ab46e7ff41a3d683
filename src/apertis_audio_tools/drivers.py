"""The two colours: what carries a call to the service and back, blocking and awaiting.

Everything that decides lives in the calls and in the retry policy. Here are only the loops, and
the decorators that make the two public verbs out of one description of a call.
"""

import asyncio
import contextlib
import functools
import inspect
import traceback
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
)
from dataclasses import dataclass
from typing import Any, BinaryIO, Concatenate, ParamSpec, Protocol, TypeVar, get_args

from tenacity import AsyncRetrying, Retrying

from apertis_audio_tools.calls import Call, Streamed
from apertis_audio_tools.errors import ApertisError, OutputError
from apertis_audio_tools.retry import Retry
from apertis_audio_tools.transport import Transport
from apertis_audio_tools.wire import Answer, Request

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Drivers:
    """Sends calls, trying again as the policy says, each within `deadline` seconds."""

    transport: Transport
    retry: Retry
    deadline: float

    def answer(self, call: Call[R]) -> R:
        """What the call reads out of its answer."""
        return call.read(self._retrying(functools.partial(self.transport.send, call.request)))

    async def aanswer(self, call: Call[R]) -> R:
        """The same; reading may decode audio, and so happens off the event loop."""
        send = functools.partial(self.transport.asend, call.request)
        return await asyncio.to_thread(call.read, await self._aretrying(send))

    def stream(self, call: Streamed[R]) -> Iterator[R]:
        """What the call reads out of its answer, as it arrives."""
        with self._opened(call.request) as (head, chunks):
            reader = call.reader(head)
            for chunk in chunks:
                yield from reader.feed(chunk)
            reader.finish()

    async def astream(self, call: Streamed[R]) -> AsyncGenerator[R]:
        """The same."""
        async with self._aopened(call.request) as (head, chunks):
            reader = call.reader(head)
            async for chunk in chunks:
                for item in reader.feed(chunk):
                    yield item
            reader.finish()

    def download(self, call: Streamed[bytes], file: BinaryIO) -> Answer:
        """The answer's body into a file; a broken download begins again from the start."""

        def attempt(within: float) -> Answer:
            _rewind(file)
            with self.transport.download(call.request, within) as stream:
                reader = call.reader(stream.head)
                for chunk in stream.chunks:
                    _write(file, reader.feed(chunk))
                reader.finish()
                return stream.head

        return self._retrying(attempt)

    async def adownload(self, call: Streamed[bytes], file: BinaryIO) -> Answer:
        """The same; the disk is written off the event loop."""

        async def attempt(within: float) -> Answer:
            await asyncio.to_thread(_rewind, file)
            async with self.transport.adownload(call.request, within) as stream:
                reader = call.reader(stream.head)
                async for chunk in stream.chunks:
                    await asyncio.to_thread(_write, file, reader.feed(chunk))
                reader.finish()
                return stream.head

        return await self._aretrying(attempt)

    @contextlib.contextmanager
    def _opened(self, request: Request) -> Iterator[tuple[Answer, Iterator[bytes]]]:
        """A stream whose first bytes have come; only until then it may be tried again."""
        with contextlib.ExitStack() as opened:

            def attempt(within: float) -> tuple[Answer, Iterator[bytes]]:
                with contextlib.ExitStack() as opening:
                    stream = opening.enter_context(self.transport.stream(request, within))
                    first = next(stream.chunks, b"")
                    opened.enter_context(opening.pop_all())
                    return stream.head, _after(first, stream.chunks)

            yield self._retrying(attempt)

    @contextlib.asynccontextmanager
    async def _aopened(
        self, request: Request
    ) -> AsyncIterator[tuple[Answer, AsyncIterator[bytes]]]:
        """The same."""
        async with contextlib.AsyncExitStack() as opened:

            async def attempt(within: float) -> tuple[Answer, AsyncIterator[bytes]]:
                async with contextlib.AsyncExitStack() as opening:
                    stream = await opening.enter_async_context(
                        self.transport.astream(request, within)
                    )
                    first = await anext(stream.chunks, b"")
                    await opened.enter_async_context(opening.pop_all())
                    return stream.head, _aafter(first, stream.chunks)

            yield await self._aretrying(attempt)

    def _retrying(self, attempt: Callable[[float], R]) -> R:
        clock = self.retry.clock
        deadline = clock.monotonic() + self.deadline

        def once() -> R:
            while pause := self.retry.hold(deadline):
                clock.sleep(pause)
            return attempt(self.retry.time_left(deadline))

        with _frames_cleared():
            return Retrying(**self.retry.rules(deadline), sleep=clock.sleep)(once)

    async def _aretrying(self, attempt: Callable[[float], Awaitable[R]]) -> R:
        clock = self.retry.clock
        deadline = clock.monotonic() + self.deadline

        async def once() -> R:
            while pause := self.retry.hold(deadline):
                await clock.asleep(pause)
            return await attempt(self.retry.time_left(deadline))

        with _frames_cleared():
            return await AsyncRetrying(**self.retry.rules(deadline), sleep=clock.asleep)(once)


class Driven(Protocol):
    """A client whose verbs the drivers carry."""

    _drivers: Drivers


C = TypeVar("C", bound=Driven)


def blocking(prepare: Callable[Concatenate[C, P], Call[R]]) -> Callable[Concatenate[C, P], R]:
    """The verb that waits for the answer of the prepared call."""

    def verb(self: C, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._drivers.answer(prepare(self, *args, **kwargs))

    return _named(verb, prepare, "", None)


def awaiting(
    prepare: Callable[Concatenate[C, P], Call[R]],
) -> Callable[Concatenate[C, P], Coroutine[Any, Any, R]]:
    """The same verb for asyncio; preparing may read files, so it happens off the event loop."""

    async def verb(self: C, /, *args: P.args, **kwargs: P.kwargs) -> R:
        call = await asyncio.to_thread(prepare, self, *args, **kwargs)
        return await self._drivers.aanswer(call)

    return _named(verb, prepare, "a", None)


def streaming(
    prepare: Callable[Concatenate[C, P], Streamed[R]],
) -> Callable[Concatenate[C, P], Iterator[R]]:
    """The verb that hands the answer on as it arrives; what cannot be, it refuses at once."""

    def verb(self: C, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[R]:
        return self._drivers.stream(prepare(self, *args, **kwargs))

    return _named(verb, prepare, "", Iterator)


def streaming_awaiting(
    prepare: Callable[Concatenate[C, P], Streamed[R]],
) -> Callable[Concatenate[C, P], AsyncIterator[R]]:
    """The same verb for asyncio: an asynchronous generator, which begins when it is iterated."""

    async def verb(self: C, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[R]:
        call = await asyncio.to_thread(prepare, self, *args, **kwargs)
        async with contextlib.aclosing(self._drivers.astream(call)) as items:
            async for item in items:
                yield item

    return _named(verb, prepare, "a", AsyncIterator)


V = TypeVar("V", bound=Callable[..., Any])


def _named(verb: V, prepare: Callable[..., Any], prefix: str, wrapper: Any) -> V:
    """The verb under its own name, with the documentation and the parameters of `prepare`."""
    functools.update_wrapper(verb, prepare)
    verb.__name__ = prefix + prepare.__name__.removeprefix("_")
    verb.__qualname__ = prepare.__qualname__.replace(prepare.__name__, verb.__name__)
    signature = inspect.signature(prepare)
    (result,) = get_args(signature.return_annotation)
    result = wrapper[result] if wrapper else result
    verb.__annotations__ = {**prepare.__annotations__, "return": result}
    verb.__signature__ = signature.replace(return_annotation=result)  # type: ignore[attr-defined]
    return verb


@contextlib.contextmanager
def _frames_cleared() -> Iterator[None]:
    """What failed is told without the variables of the frames it passed.

    They hold the request with its audio and key, where tools that report errors would find them,
    and tenacity's make a reference cycle with the error.
    """
    try:
        yield
    except ApertisError as error:
        passed: BaseException | None = error
        while passed is not None:
            traceback.clear_frames(passed.__traceback__)
            hidden = passed.__context__ if passed.__suppress_context__ else None
            passed = passed.__cause__ or hidden
        raise


def _rewind(file: BinaryIO) -> None:
    file.seek(0)
    file.truncate()


def _write(file: BinaryIO, chunks: Iterable[bytes]) -> None:
    """Past the buffer, so that a full disk is met here and not in some later `seek`."""
    try:
        file.writelines(chunks)
        file.flush()
    except OSError as error:
        raise OutputError(f"The answer cannot be written: {error.strerror or error}.") from error


def _after(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


async def _aafter(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk
