"""Run a batch: many recordings at once, whose outcomes are yielded when they are requested."""

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Container,
    Generator,
    Iterable,
    Iterator,
)
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from apertis_audio_tools.audio import Source
from apertis_audio_tools.errors import ApertisError, ConfigurationError
from apertis_audio_tools.pipeline.batch import BatchItem, BatchRequest, BatchState, Outcome
from apertis_audio_tools.pipeline.transcription_runner import TranscriptionRunner
from apertis_audio_tools.pipeline.worker_pool import WorkerPool, cancel_tasks, run_in_thread
from apertis_audio_tools.results import Transcript

_END: Source = cast("Any", object())
"""Returned in place of a source when there are no more."""

F = TypeVar("F", Future[Transcript], asyncio.Task[Transcript])


@dataclass(frozen=True, slots=True)
class BatchRunner:
    """Runner of batches; the pieces of all their recordings share the permits of the client."""

    transcriptions: TranscriptionRunner

    def run(self, request: BatchRequest) -> Generator[Outcome]:
        """Return an iterator over the outcomes of many recordings.

        After an error no further recording is started; the outcomes of those under way are
        yielded before it is raised. An interrupt, or closing the iterator, ends everything at once.
        """
        if not isinstance(request.sources, Iterable):
            raise ConfigurationError(
                "An asynchronous iterable of recordings needs the async verb, such as "
                "atranscribe_many."
            )
        return self._outcomes(request, request.sources)

    def _outcomes(self, request: BatchRequest, sources: Iterable[Source]) -> Generator[Outcome]:
        request.require_files()
        size = self.transcriptions.permits.size
        # Two pools: recordings that wait for their pieces must not use up the threads of pieces.
        with (
            WorkerPool(size) as pieces,
            WorkerPool(size) as recordings,
            request.start(size) as batch,
        ):
            running: dict[Future[Transcript], BatchItem] = {}
            upcoming = iter(sources)
            try:
                while (source := _pull(batch, upcoming)) is not _END:
                    item = batch.add(source)
                    running[recordings.submit(self._transcribe, request, item, pieces)] = item
                    yield from _take(batch, running, _done(running))
                    while running and not batch.has_room:
                        yield from _wait(batch, running)
                while running:
                    yield from _wait(batch, running)
                batch.raise_failure()
            except BaseException as error:
                if not isinstance(error, Exception):
                    pieces.cancel_token.cancel()
                raise

    def _transcribe(self, request: BatchRequest, item: BatchItem, pool: WorkerPool) -> Transcript:
        item.state.require_running()
        job = self.transcriptions.open(request.factory, item.source)
        return self.transcriptions.run_in(pool, job, item.state)

    async def arun(self, request: BatchRequest) -> AsyncGenerator[Outcome]:
        """Async version of `run`. Asynchronous sources are awaited while recordings go on."""
        sources = request.sources
        source: Iterator[Source] | AsyncIterator[Source]
        source = aiter(sources) if isinstance(sources, AsyncIterable) else iter(sources)
        pull: asyncio.Task[Source] | None = None
        running: dict[asyncio.Task[Transcript], BatchItem] = {}
        await run_in_thread(request.require_files)
        with request.start(self.transcriptions.permits.size) as batch:
            try:
                is_exhausted, notified = False, asyncio.wrap_future(batch.notifier.future)
                while True:
                    if pull is None and batch.has_room and not is_exhausted:
                        pull = asyncio.create_task(_next(source))
                    under_way = {*running, *([pull] if pull and not batch.is_failed else ())}
                    if not under_way:
                        break
                    done, _ = await asyncio.wait(
                        {*under_way, notified}, return_when=asyncio.FIRST_COMPLETED
                    )
                    if batch.take_notification():
                        notified = asyncio.wrap_future(batch.notifier.future)
                    if pull and pull.done():
                        pulled, pull = _take_pulled(batch, pull), None
                        is_exhausted = pulled is _END
                        if not is_exhausted:
                            item = batch.add(pulled)
                            running[asyncio.create_task(self._atranscribe(request, item))] = item
                    _end_items(batch, running, done)
                    for outcome in batch.take_outcomes():
                        yield outcome
                batch.raise_failure()
            except Exception:
                batch.stop()
                if running:
                    await asyncio.wait(running)
                raise
            finally:
                await cancel_tasks([*running, *([pull] if pull else ())])

    async def _atranscribe(self, request: BatchRequest, item: BatchItem) -> Transcript:
        job = await run_in_thread(self.transcriptions.open, request.factory, item.source)
        item.state.require_running()
        return await self.transcriptions.arun(job, item.state)


def _pull(batch: BatchState, sources: Iterator[Source]) -> Source:
    """Return the next source, or `_END` if there is none or the batch has failed."""
    if not batch.is_failed:
        with batch.catching_source_error():
            return next(sources, _END)
    return _END


def _take_pulled(batch: BatchState, pull: asyncio.Task[Source]) -> Source:
    """Return the source that was pulled, or `_END` if there is none or the batch has failed."""
    with batch.catching_source_error():
        source = pull.result()
        if not batch.is_failed:
            return source
    return _END


async def _next(sources: Iterator[Source] | AsyncIterator[Source]) -> Source:
    """Return the next source, or `_END`."""
    if isinstance(sources, AsyncIterator):
        return await anext(sources, _END)
    return next(sources, _END)


def _wait(batch: BatchState, running: dict[Future[Transcript], BatchItem]) -> Iterator[Outcome]:
    """Wait for one more recording or piece, then yield the outcomes whose turn it is."""
    done = _done(running)
    if not done:
        events: set[Future[Any]] = {*running, batch.notifier.future}
        wait(events, return_when=FIRST_COMPLETED)
        done = _done(running)
    yield from _take(batch, running, done)


def _done(running: Iterable[F]) -> list[F]:
    return [each for each in running if each.done()]


def _take(
    batch: BatchState, running: dict[Future[Transcript], BatchItem], done: Container[object]
) -> Iterator[Outcome]:
    """Yield the outcomes whose turn it is, with those that are done."""
    batch.take_notification()
    _end_items(batch, running, done)
    yield from batch.take_outcomes()


def _end_items(batch: BatchState, running: dict[F, BatchItem], done: Container[object]) -> None:
    """Hand the results of the recordings that are done to the batch.

    One that ends after the notification was taken is left for the next time: it may have notified
    of its own last piece.
    """
    for each in [each for each in running if each in done]:
        item = running.pop(each)
        try:
            transcript = each.result()
        except ApertisError as error:
            batch.fail(item, error)
        except Exception as error:  # noqa: BLE001  # raised when the others are delivered
            batch.break_off(item, error)
        else:
            batch.succeed(item, transcript)
