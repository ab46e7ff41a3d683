"""Many recordings at once, their outcomes handed over as they are asked for."""

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
from typing import Any

from apertis_audio_tools.audio import Source
from apertis_audio_tools.errors import ApertisError, ConfigurationError
from apertis_audio_tools.pipeline.batch import BatchItem, BatchRequest, BatchState, Outcome
from apertis_audio_tools.pipeline.speech_runner import SpeechRunner
from apertis_audio_tools.pipeline.worker_pool import WorkerPool, cancel_tasks, run_in_thread
from apertis_audio_tools.results import Transcript

_END: Any = object()

Running = dict[Future[Transcript], BatchItem]
ARunning = dict[asyncio.Task[Transcript], BatchItem]


@dataclass(frozen=True, slots=True)
class BatchRunner(SpeechRunner):
    """Carries everything the verbs ask for."""

    def carry_many(self, many: BatchRequest) -> Generator[Outcome]:
        """The outcomes of many recordings.

        After an error nothing new is sent, and what is under way is awaited. An interrupt, or
        closing the iterator, ends everything at once.

        Raises:
            ConfigurationError: The sources are asynchronous.
        """
        if not isinstance(many.sources, Iterable):
            raise ConfigurationError(
                "An asynchronous iterable needs the verb with an a in front: atranscribe_many."
            )
        return self._outcomes(many, many.sources)

    def _outcomes(self, many: BatchRequest, sources: Iterable[Source]) -> Generator[Outcome]:
        size = self.slots.size
        # Two crews: whoever waits for pieces must never take the thread of a piece.
        with WorkerPool(size) as crew, WorkerPool(size) as carriers, many.begun(size) as batch:
            running: Running = {}
            try:
                for source in sources:
                    ticket = batch.begin(source)
                    running[carriers.submit(self._recording, many, ticket, crew)] = ticket
                    yield from _settled(batch, running, timeout=0)
                    while not batch.has_room:
                        yield from _settled(batch, running)
                while running:
                    yield from _settled(batch, running)
            except BaseException as error:
                if not isinstance(error, Exception):
                    crew.cancel_token.cancel()
                raise

    def _recording(self, many: BatchRequest, ticket: BatchItem, crew: WorkerPool) -> Transcript:
        ticket.tally.require_going()
        return self._carried_out(many.job(ticket.source), ticket.tally, crew)

    async def acarry_many(self, many: BatchRequest) -> AsyncGenerator[Outcome]:
        """The same; sources may be asynchronous, and are waited for while others go on."""
        source: Iterator[Source] | AsyncIterator[Source]
        sources = many.sources
        source = aiter(sources) if isinstance(sources, AsyncIterable) else iter(sources)
        pull: asyncio.Task[Source] | None = None
        running: ARunning = {}
        with many.begun(self.slots.size) as batch:
            try:
                is_over, rung = False, asyncio.wrap_future(batch.bell.future)
                while True:
                    if pull is None and batch.has_room and not is_over:
                        pull = asyncio.create_task(_next(source))
                    under_way = {*running, *([pull] if pull else ())}
                    if not under_way:
                        break
                    ended, _ = await asyncio.wait(
                        {*under_way, rung}, return_when=asyncio.FIRST_COMPLETED
                    )
                    if batch.hear():
                        rung = asyncio.wrap_future(batch.bell.future)
                    if pull and pull.done():
                        pulled, pull = pull.result(), None
                        is_over = pulled is _END
                        if not is_over:
                            ticket = batch.begin(pulled)
                            running[asyncio.create_task(self._arecording(many, ticket))] = ticket
                    _settle(batch, running, ended)
                    for outcome in batch.ready():
                        yield outcome
            except Exception:
                batch.halt()
                if running:
                    await asyncio.wait(running)
                raise
            finally:
                await cancel_tasks([*running, *([pull] if pull else ())])

    async def _arecording(self, many: BatchRequest, ticket: BatchItem) -> Transcript:
        job = await run_in_thread(many.job, ticket.source)
        ticket.tally.require_going()
        return await self.acarry_out(job, ticket.tally)


async def _next(sources: Iterator[Source] | AsyncIterator[Source]) -> Source:
    """The next source, or `_END`."""
    if isinstance(sources, AsyncIterator):
        return await anext(sources, _END)
    return next(sources, _END)


def _settled(
    batch: BatchState, running: Running, timeout: float | None = None
) -> Iterator[Outcome]:
    """The outcomes whose turn it is, once one more recording or piece has ended or time is up."""
    news: set[Future[Any]] = {*running, batch.bell.future}
    ended = wait(news, timeout, FIRST_COMPLETED).done
    batch.hear()
    _settle(batch, running, ended)
    yield from batch.ready()


def _settle(batch: BatchState, running: Running | ARunning, ended: Container[object]) -> None:
    """Enter those that have ended in the books.

    One that ended only after pieces were heard of has its turn next time: its own may be new.
    """
    for each in [each for each in running if each in ended]:
        ticket = running.pop(each)  # type: ignore[arg-type]
        try:
            batch.succeed(ticket, each.result())
        except ApertisError as error:
            batch.fail(ticket, error)
