"""What carries calls to the service and back, blocking and awaiting.

Everything that decides lives in the calls, the jobs and the retry policy. Here are only the loops.
"""

import asyncio
import contextlib
import functools
import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar

from tenacity import AsyncRetrying, Retrying

from apertis_audio_tools.calls import Call, Streamed
from apertis_audio_tools.errors import ApertisError, OutputError
from apertis_audio_tools.jobs import Job, Step, Tally
from apertis_audio_tools.results import Transcript
from apertis_audio_tools.retry import Retry
from apertis_audio_tools.transport import Abort, Transport
from apertis_audio_tools.wire import Answer, Request

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

    def carry_out(self, job: Job) -> Transcript:
        """All pieces of a job, several at once; what fails, fails the job as a whole.

        After a failure nothing new is sent, but what is under way is paid for and awaited. An
        interrupt ends everything at once.
        """
        if known := job.known():
            return known
        tally = Tally()
        with Abort() as abort, contextlib.closing(job.steps(tally)) as steps:
            pool = ThreadPoolExecutor(job.max_concurrency, "apertis-audio")
            running: set[Future[None]] = set()
            try:
                for step in steps:
                    running.add(pool.submit(self._piece, job, step, tally, abort))
                    if len(running) == job.max_concurrency:
                        done, running = wait(running, return_when=FIRST_COMPLETED)
                        _require_no_error(done)
                _require_no_error(wait(running).done)
            except BaseException:
                tally.halted.set()
                abort.now()
                raise
            finally:
                pool.shutdown(cancel_futures=True)
        return job.finish(tally)

    async def acarry_out(self, job: Job) -> Transcript:
        """The same on the event loop; cutting and keeping happen off it."""
        if known := await asyncio.to_thread(job.known):
            return known
        tally = Tally()
        steps = job.steps(tally)
        running: set[asyncio.Task[None]] = set()
        try:
            while step := await _in_thread(next, steps, None):
                running.add(asyncio.create_task(self._apiece(job, step, tally)))
                if len(running) == job.max_concurrency:
                    done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                    _require_no_error(done)
            if running:
                _require_no_error((await asyncio.wait(running))[0])
        finally:
            await _cancelled(running)
            await asyncio.to_thread(steps.close)
        return await asyncio.to_thread(job.finish, tally)

    def _piece(self, job: Job, step: Step, tally: Tally, abort: Abort) -> None:
        with contextlib.closing(step.piece), tally.noting(), abort.watching():
            send = functools.partial(self.transport.send, step.call.request)
            job.keep(step, step.call.read(self._retrying(send, tally)), tally)

    async def _apiece(self, job: Job, step: Step, tally: Tally) -> None:
        with contextlib.closing(step.piece), tally.noting():
            send = functools.partial(self.transport.asend, step.call.request)
            answer = await self._aretrying(send, tally)
            await _in_thread(lambda: job.keep(step, step.call.read(answer), tally))

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

    def _retrying(self, attempt: Callable[[float], R], tally: Tally | None = None) -> R:
        """What an attempt gives at last; after a halt of the tally there is no further one."""
        clock, going = self.retry.clock, tally or Tally()
        deadline = clock.monotonic() + self.deadline
        sleep = functools.partial(clock.sleep, wake=going.halted)

        def once() -> R:
            going.require_going()
            while pause := self.retry.hold(deadline):
                sleep(pause)
                going.require_going()
            return attempt(self.retry.time_left(deadline))

        with _frames_cleared():
            return Retrying(**self.retry.rules(deadline), sleep=sleep)(once)

    async def _aretrying(
        self, attempt: Callable[[float], Awaitable[R]], tally: Tally | None = None
    ) -> R:
        """The same."""
        clock, going = self.retry.clock, tally or Tally()
        deadline = clock.monotonic() + self.deadline

        async def once() -> R:
            going.require_going()
            while pause := self.retry.hold(deadline):
                await clock.asleep(pause)
                going.require_going()
            return await attempt(self.retry.time_left(deadline))

        with _frames_cleared():
            return await AsyncRetrying(**self.retry.rules(deadline), sleep=clock.asleep)(once)


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


def _require_no_error(ended: Iterable[Future[None] | asyncio.Task[None]]) -> None:
    """Raise what is none of our errors, which are noted in the tally."""
    for each in ended:
        each.result()


async def _in_thread(do: Callable[..., R], *args: Any) -> R:
    """Like `to_thread`, but whoever is cancelled waits: the thread still uses what it was given."""
    thread = asyncio.create_task(asyncio.to_thread(do, *args))
    try:
        return await asyncio.shield(thread)
    except asyncio.CancelledError:
        await asyncio.wait([thread])
        raise


async def _cancelled(tasks: set[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


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
