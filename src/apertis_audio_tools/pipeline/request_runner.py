"""Run one call: send its request, with retries, and read the response."""

import asyncio
import contextlib
import functools
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO, Protocol, Self, TypeVar

from tenacity import AsyncRetrying, Retrying

from apertis_audio_tools.api.call import Call, StreamCall
from apertis_audio_tools.api.request import Request
from apertis_audio_tools.api.response import Response
from apertis_audio_tools.concurrency.signals import StopEvent
from apertis_audio_tools.errors import (
    ApertisError,
    APIError,
    APIStatusError,
    OutputError,
    RateLimitError,
    ServerError,
)
from apertis_audio_tools.pipeline.accounts import Account, Charge, reported_usage
from apertis_audio_tools.pipeline.job_state import JobState
from apertis_audio_tools.pipeline.worker_pool import run_in_thread
from apertis_audio_tools.transport.http import ResponseStream, Transport
from apertis_audio_tools.transport.retry import Clock, RetryPolicy

R = TypeVar("R")

_FACTS_SECONDS = 10.0
"""Seconds that lists of models and prices may take."""
_SHORT_BYTES = 64 * 1024
"""Bytes of text that are read in the event loop, which takes less than a millisecond."""
_WRITE_BYTES = 512 * 1024
"""Bytes for each switch to a thread that writes, which takes longer than a small write."""


class Ledger(Protocol):
    """Ledger that knows what requests are charged."""

    def charge(self, request: Request, account: Account | None = None, /) -> Charge:
        """Return what a request is charged."""

    async def acharge(self, request: Request, account: Account | None = None, /) -> Charge:
        """Async version of `charge`."""

    def limits_cost(self, account: Account | None = None, /) -> bool:
        """Return whether there is a limit on the cost."""


_FREE = Charge()


class ModelAdviser(Protocol):
    """Adviser on the models that requests are for."""

    def warn(self, request: Request, /) -> None:
        """Warn of the end of the model that a request is for."""

    def advise(self, error: APIStatusError, request: Request, /) -> None:
        """Add the models that the key can use to an error about the model of a request."""

    async def aadvise(self, error: APIStatusError, request: Request, /) -> None:
        """Async version of `advise`."""


def is_refusal(error: ApertisError) -> bool:
    """Return whether the service would answer the same request with the same error again."""
    return isinstance(error, APIStatusError) and not isinstance(error, RateLimitError | ServerError)


@dataclass(frozen=True, slots=True)
class RequestRunner:
    """Runner of single calls, each of which may take `deadline` seconds with all its attempts."""

    transport: Transport
    retry: RetryPolicy
    deadline: float
    models: ModelAdviser | None = None
    ledger: Ledger | None = None

    def for_facts(self) -> Self:
        """Return a runner for requests whose responses are helpful and not needed.

        They have one attempt, and ten seconds at most.
        """
        return replace(
            self,
            retry=replace(self.retry, max_retries=0),
            deadline=min(self.deadline, _FACTS_SECONDS),
        )

    def run(self, call: Call[R], state: JobState | None = None) -> R:
        """Return the result that the call reads from its response."""
        charge = self.charge(call.request, state)
        return charge.settle(call.read(self.send(call.request, charge, state)))

    async def arun(self, call: Call[R], state: JobState | None = None) -> R:
        """Async version of `run`. A thread reads what may be long or audio."""
        charge = await self.acharge(call.request, state)
        response = await self.asend(call.request, charge, state)
        if call.is_text and len(response.body) <= _SHORT_BYTES:
            return charge.settle(call.read(response))
        return charge.settle(await run_in_thread(call.read, response))

    def charge(self, request: Request, state: JobState | None = None) -> Charge:
        """Return what a request of a job is charged; see `ClientLedger.charge`."""
        account = state.account if state else None
        return self.ledger.charge(request, account) if self.ledger else _FREE

    async def acharge(self, request: Request, state: JobState | None = None) -> Charge:
        """Async version of `charge`."""
        account = state.account if state else None
        return await self.ledger.acharge(request, account) if self.ledger else _FREE

    def limits_cost(self, state: JobState) -> bool:
        """Return whether there is a limit on the cost of a job."""
        return self.ledger is not None and self.ledger.limits_cost(state.account)

    def send(self, request: Request, charge: Charge, state: JobState | None = None) -> Response:
        """Return the response to a request, each attempt of which is charged.

        If the job that the request belongs to is stopped, there are no further waits and attempts.
        """
        return self._retry(request, functools.partial(self.transport.send, request), charge, state)

    async def asend(
        self, request: Request, charge: Charge, state: JobState | None = None
    ) -> Response:
        """Async version of `send`."""
        send = functools.partial(self.transport.asend, request)
        return await self._aretry(request, send, charge, state)

    def stream(self, call: StreamCall[R]) -> Iterator[R]:
        """Yield the items that the call reads from its response, as they arrive."""
        charge, usage = self.charge(call.request), None
        with self._open_stream(call.request, charge) as stream:
            reader = call.reader(stream.head)
            for chunk in stream.chunks:
                known = reader.content_bytes
                for item in reader.feed(chunk):
                    usage = reported_usage(item) or usage
                    yield item
                if reader.content_bytes > known:
                    stream.end_silence()
            for item in reader.finish():
                usage = reported_usage(item) or usage
                yield item
        charge.settle_usage(usage)

    async def astream(self, call: StreamCall[R]) -> AsyncGenerator[R]:
        """Async version of `stream`."""
        charge, usage = await self.acharge(call.request), None
        async with self._aopen_stream(call.request, charge) as stream:
            reader = call.reader(stream.head)
            async for chunk in stream.chunks:
                known = reader.content_bytes
                for item in reader.feed(chunk):
                    usage = reported_usage(item) or usage
                    yield item
                if reader.content_bytes > known:
                    stream.end_silence()
            for item in reader.finish():
                usage = reported_usage(item) or usage
                yield item
        charge.settle_usage(usage)

    def download(
        self, call: StreamCall[bytes], file: BinaryIO, state: JobState | None = None
    ) -> Response:
        """Write the body of a response to a file; a broken download starts again from 0."""

        def attempt(seconds: float) -> Response:
            _rewind(file)
            with self.transport.download(call.request, seconds) as stream:
                reader, block = call.reader(stream.head), _Block()
                for chunk in stream.chunks:
                    if block.add(reader.feed(chunk)):
                        _write(file, block.take())
                block.add(reader.finish())
                _write(file, block.take())
                return stream.head

        return self._retry(call.request, attempt, self.charge(call.request, state))

    async def adownload(
        self, call: StreamCall[bytes], file: BinaryIO, state: JobState | None = None
    ) -> Response:
        """Async version of `download`. Threads write to the disk."""

        async def attempt(seconds: float) -> Response:
            await run_in_thread(_rewind, file)
            async with self.transport.adownload(call.request, seconds) as stream:
                reader, block = call.reader(stream.head), _Block()
                async for chunk in stream.chunks:
                    if block.add(reader.feed(chunk)):
                        await run_in_thread(_write, file, block.take())
                block.add(reader.finish())
                await run_in_thread(_write, file, block.take())
                return stream.head

        charge = await self.acharge(call.request, state)
        return await self._aretry(call.request, attempt, charge)

    @contextlib.contextmanager
    def _open_stream(
        self, request: Request, charge: Charge
    ) -> Iterator[ResponseStream[Iterator[bytes]]]:
        """Open a stream and wait for its first bytes; only until then it is retried."""
        with contextlib.ExitStack() as opened:

            def attempt(seconds: float) -> ResponseStream[Iterator[bytes]]:
                with contextlib.ExitStack() as opening:
                    stream = opening.enter_context(self.transport.stream(request, seconds))
                    first = next(stream.chunks, b"")
                    opened.enter_context(opening.pop_all())
                    return replace(stream, chunks=itertools.chain((first,), stream.chunks))

            yield self._retry(request, attempt, charge)

    @contextlib.asynccontextmanager
    async def _aopen_stream(
        self, request: Request, charge: Charge
    ) -> AsyncIterator[ResponseStream[AsyncIterator[bytes]]]:
        """Async version of `_open_stream`."""
        async with contextlib.AsyncExitStack() as opened:

            async def attempt(seconds: float) -> ResponseStream[AsyncIterator[bytes]]:
                async with contextlib.AsyncExitStack() as opening:
                    stream = await opening.enter_async_context(
                        self.transport.astream(request, seconds)
                    )
                    first = await anext(stream.chunks, b"")
                    await opened.enter_async_context(opening.pop_all())
                    return replace(stream, chunks=_achain(first, stream.chunks))

            yield await self._aretry(request, attempt, charge)

    def _warn(self, request: Request) -> None:
        if self.models:
            self.models.warn(request)

    def _retry(
        self,
        request: Request,
        attempt: Callable[[float], R],
        charge: Charge,
        state: JobState | None = None,
    ) -> R:
        """Return the result of the first attempt that succeeds, or raise the last error."""
        self._warn(request)
        clock, job = self.retry.clock, state or JobState()
        deadline = clock.monotonic() + self.deadline
        sleep = functools.partial(clock.sleep, wake=job.stop.event)

        def once() -> R:
            job.require_running()
            while pause := self.retry.seconds_until_allowed(deadline, request.model):
                sleep(pause)
                job.require_running()
            seconds = self.retry.time_left(deadline)
            charge.reserve()
            try:
                return attempt(seconds)
            except APIError as error:
                charge.fail(error)
                raise

        options = self.retry.tenacity_options(deadline, lambda: job.stop.is_set, request.model)
        retrying = Retrying(**options, sleep=sleep)
        try:
            return retrying(once)
        except APIStatusError as error:
            if self.models:
                self.models.advise(error, request)
            raise
        finally:
            retrying.iter_state.reset()  # it refers to `retrying`, and would stay as garbage

    async def _aretry(
        self,
        request: Request,
        attempt: Callable[[float], Awaitable[R]],
        charge: Charge,
        state: JobState | None = None,
    ) -> R:
        """Async version of `_retry`."""
        self._warn(request)
        clock, job = self.retry.clock, state or JobState()
        deadline = clock.monotonic() + self.deadline
        sleep = functools.partial(_asleep, clock, stop=job.stop) if state else clock.asleep

        async def once() -> R:
            job.require_running()
            while pause := self.retry.seconds_until_allowed(deadline, request.model):
                await sleep(pause)
                job.require_running()
            seconds = self.retry.time_left(deadline)
            charge.reserve()
            try:
                return await attempt(seconds)
            except APIError as error:
                charge.fail(error)
                raise

        options = self.retry.tenacity_options(deadline, lambda: job.stop.is_set, request.model)
        retrying = AsyncRetrying(**options, sleep=sleep)
        try:
            return await retrying(once)
        except APIStatusError as error:
            if self.models:
                await self.models.aadvise(error, request)
            raise
        finally:
            retrying.iter_state.reset()


async def _asleep(clock: Clock, seconds: float, *, stop: StopEvent) -> None:
    """Sleep, but wake up when the job is stopped."""
    sleeper = asyncio.ensure_future(clock.asleep(seconds))
    wake = functools.partial(asyncio.get_running_loop().call_soon_threadsafe, sleeper.cancel)
    with stop.callback(wake):
        try:
            await asyncio.wait([sleeper])
        finally:
            sleeper.cancel()


class _Block:
    """Chunks of a body that are written at once."""

    def __init__(self) -> None:
        self._items = list[bytes]()
        self._size = 0

    def add(self, items: Iterable[bytes]) -> bool:
        """Append chunks, and return whether there are enough of them to be written."""
        for item in items:
            self._items.append(item)
            self._size += len(item)
        return self._size >= _WRITE_BYTES

    def take(self) -> list[bytes]:
        """Remove and return all chunks."""
        items, self._items, self._size = self._items, [], 0
        return items


def _rewind(file: BinaryIO) -> None:
    file.seek(0)
    file.truncate()


def _write(file: BinaryIO, chunks: Iterable[bytes]) -> None:
    """Write and flush, so that a full disk is noticed here and not in a later `seek`."""
    try:
        file.writelines(chunks)
        file.flush()
    except OSError as error:
        raise OutputError(f"The response cannot be written: {error.strerror or error}.") from error


async def _achain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk
