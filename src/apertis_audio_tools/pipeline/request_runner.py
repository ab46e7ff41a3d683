"""One call to the service and back."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, TypeVar

from tenacity import AsyncRetrying, Retrying

from apertis_audio_tools.api import Call, StreamCall
from apertis_audio_tools.api.request import Request
from apertis_audio_tools.api.response import Response
from apertis_audio_tools.concurrency.signals import StopEvent
from apertis_audio_tools.errors import ApertisError, OutputError
from apertis_audio_tools.pipeline.tracebacks import forget_variables
from apertis_audio_tools.pipeline.transcription_job import JobState
from apertis_audio_tools.pipeline.worker_pool import run_in_thread
from apertis_audio_tools.transport import Transport
from apertis_audio_tools.transport.retry import Clock, RetryPolicy

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class RequestRunner:
    """Sends calls, trying again as the policy says, each within `deadline` seconds."""

    transport: Transport
    retry: RetryPolicy
    deadline: float

    def answer(self, call: Call[R]) -> R:
        """What the call reads out of its answer."""
        return call.read(self._sent(call.request))

    async def aanswer(self, call: Call[R]) -> R:
        """The same; reading may decode audio, and so happens off the event loop."""
        return await run_in_thread(call.read, await self._asent(call.request))

    def _sent(self, request: Request, tally: JobState | None = None) -> Response:
        return self._retrying(request, functools.partial(self.transport.send, request), tally)

    async def _asent(self, request: Request, tally: JobState | None = None) -> Response:
        send = functools.partial(self.transport.asend, request)
        return await self._aretrying(request, send, tally)

    def stream(self, call: StreamCall[R]) -> Iterator[R]:
        """What the call reads out of its answer, as it arrives."""
        with self._opened(call.request) as (head, chunks):
            reader = call.reader(head)
            for chunk in chunks:
                yield from reader.feed(chunk)
            yield from reader.finish()

    async def astream(self, call: StreamCall[R]) -> AsyncGenerator[R]:
        """The same."""
        async with self._aopened(call.request) as (head, chunks):
            reader = call.reader(head)
            async for chunk in chunks:
                for item in reader.feed(chunk):
                    yield item
            for item in reader.finish():
                yield item

    def download(self, call: StreamCall[bytes], file: BinaryIO) -> Response:
        """The answer's body into a file; a broken download begins again from the start."""

        def attempt(within: float) -> Response:
            _rewind(file)
            with self.transport.download(call.request, within) as stream:
                reader = call.reader(stream.head)
                for chunk in stream.chunks:
                    _write(file, reader.feed(chunk))
                _write(file, reader.finish())
                return stream.head

        return self._retrying(call.request, attempt)

    async def adownload(self, call: StreamCall[bytes], file: BinaryIO) -> Response:
        """The same; the disk is written off the event loop."""

        async def attempt(within: float) -> Response:
            await run_in_thread(_rewind, file)
            async with self.transport.adownload(call.request, within) as stream:
                reader = call.reader(stream.head)
                async for chunk in stream.chunks:
                    await run_in_thread(_write, file, reader.feed(chunk))
                await run_in_thread(_write, file, reader.finish())
                return stream.head

        return await self._aretrying(call.request, attempt)

    @contextlib.contextmanager
    def _opened(self, request: Request) -> Iterator[tuple[Response, Iterator[bytes]]]:
        """A stream whose first bytes have come; only until then it may be tried again."""
        with contextlib.ExitStack() as opened:

            def attempt(within: float) -> tuple[Response, Iterator[bytes]]:
                with contextlib.ExitStack() as opening:
                    stream = opening.enter_context(self.transport.stream(request, within))
                    first = next(stream.chunks, b"")
                    opened.enter_context(opening.pop_all())
                    return stream.head, _after(first, stream.chunks)

            yield self._retrying(request, attempt)

    @contextlib.asynccontextmanager
    async def _aopened(
        self, request: Request
    ) -> AsyncIterator[tuple[Response, AsyncIterator[bytes]]]:
        """The same."""
        async with contextlib.AsyncExitStack() as opened:

            async def attempt(within: float) -> tuple[Response, AsyncIterator[bytes]]:
                async with contextlib.AsyncExitStack() as opening:
                    stream = await opening.enter_async_context(
                        self.transport.astream(request, within)
                    )
                    first = await anext(stream.chunks, b"")
                    await opened.enter_async_context(opening.pop_all())
                    return stream.head, _aafter(first, stream.chunks)

            yield await self._aretrying(request, attempt)

    def _retrying(
        self, request: Request, attempt: Callable[[float], R], tally: JobState | None = None
    ) -> R:
        """What an attempt gives at last; after a halt of the tally there is no further one."""
        clock, going = self.retry.clock, tally or JobState()
        deadline = clock.monotonic() + self.deadline
        sleep = functools.partial(clock.sleep, wake=going.halt.event)

        def once() -> R:
            going.require_going()
            while pause := self.retry.seconds_until_allowed(deadline, request.model):
                sleep(pause)
                going.require_going()
            return attempt(self.retry.time_left(deadline))

        with _frames_cleared():
            rules = self.retry.tenacity_options(deadline, lambda: going.halt.is_set)
            return Retrying(**rules, sleep=sleep)(once)

    async def _aretrying(
        self,
        request: Request,
        attempt: Callable[[float], Awaitable[R]],
        tally: JobState | None = None,
    ) -> R:
        """The same."""
        clock, going = self.retry.clock, tally or JobState()
        deadline = clock.monotonic() + self.deadline
        sleep = functools.partial(_asleep, clock, halt=going.halt) if tally else clock.asleep

        async def once() -> R:
            going.require_going()
            while pause := self.retry.seconds_until_allowed(deadline, request.model):
                await sleep(pause)
                going.require_going()
            return await attempt(self.retry.time_left(deadline))

        with _frames_cleared():
            rules = self.retry.tenacity_options(deadline, lambda: going.halt.is_set)
            return await AsyncRetrying(**rules, sleep=sleep)(once)


async def _asleep(clock: Clock, seconds: float, *, halt: StopEvent) -> None:
    """Sleep, or wake when there is nothing to wait for any more."""
    sleeper = asyncio.ensure_future(clock.asleep(seconds))
    wake = functools.partial(asyncio.get_running_loop().call_soon_threadsafe, sleeper.cancel)
    with halt.callback(wake):
        try:
            await asyncio.wait([sleeper])
        finally:
            sleeper.cancel()


@contextlib.contextmanager
def _frames_cleared() -> Iterator[None]:
    """Here too, because an error may be collected instead of raised."""
    try:
        yield
    except ApertisError as error:
        forget_variables(error)
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
