"""One recording to the service and back: its pieces, as many at once as the client has room for."""

import asyncio
import contextlib
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Any

from apertis_audio_tools.concurrency.permits import FairSemaphore, Permit
from apertis_audio_tools.pipeline.request_runner import RequestRunner
from apertis_audio_tools.pipeline.transcription_job import (
    InFlightPiece,
    JobState,
    PieceRequest,
    TranscriptionJob,
)
from apertis_audio_tools.pipeline.worker_pool import (
    WorkerPool,
    cancel_tasks,
    run_in_thread,
    run_in_thread_to_end,
)
from apertis_audio_tools.results import Transcript
from apertis_audio_tools.transport import CancelToken


@dataclass(frozen=True, slots=True)
class TranscriptionRunner(RequestRunner):
    """Carries jobs out; pieces of all of them share the slots."""

    slots: FairSemaphore

    def carry_out(self, job: TranscriptionJob) -> Transcript:
        """All pieces of a job, several at once; what fails, fails the job as a whole.

        After a failure nothing new is sent, but what is under way is paid for and awaited. An
        interrupt ends everything at once.
        """
        with WorkerPool(self.slots.size) as crew:
            return self._carried_out(job, JobState(), crew)

    def _carried_out(self, job: TranscriptionJob, tally: JobState, crew: WorkerPool) -> Transcript:
        self.transport.require_open()
        if known := job.known():
            return known
        running: dict[Future[None], InFlightPiece] = {}
        with contextlib.closing(job.steps(tally)) as steps:
            try:
                while errand := _next_errand(steps, self._slot(running, tally)):
                    with _closed_on_failure(errand):
                        piece = crew.submit(self._piece, job, errand, tally, crew.cancel_token)
                        running[piece] = errand
                _require_no_error(wait(running).done)
            except BaseException:
                tally.halt.set()
                crew.cancel_token.cancel()
                raise
            finally:
                wait(running)
        return job.finish(tally)

    def _slot(self, running: dict[Future[None], InFlightPiece], tally: JobState) -> Permit:
        """Room for one more, or none any more; those that have ended leave `running`."""
        with request_permit(self.slots, tally) as slot:
            while not slot.granted.done():
                ended = wait({slot.granted, *running}, return_when=FIRST_COMPLETED).done
                _forget(running, ended)
            _forget(running, [each for each in running if each.done()])
        return slot

    def _piece(
        self, job: TranscriptionJob, errand: InFlightPiece, tally: JobState, abort: CancelToken
    ) -> None:
        call = errand.step.call
        with contextlib.closing(errand), tally.noting(), abort.scope():
            job.keep(errand.step, call.read(self._sent(call.request, tally)), tally)

    async def acarry_out(self, job: TranscriptionJob, tally: JobState | None = None) -> Transcript:
        """The same on the event loop; cutting and keeping happen off it."""
        self.transport.require_open()
        tally = tally or JobState()
        if known := await run_in_thread(job.known):
            return known
        steps = job.steps(tally)
        running: dict[asyncio.Task[None], InFlightPiece] = {}
        try:
            while errand := await _anext_errand(steps, await self._aslot(running, tally)):
                piece = asyncio.create_task(self._apiece(job, errand, tally))
                running[piece] = errand
            if running:
                _require_no_error((await asyncio.wait(running))[0])
        finally:
            try:
                await cancel_tasks(running)
            finally:
                for errand in running.values():  # a task may be cancelled before it begins
                    errand.close()
                await run_in_thread_to_end(steps.close)
        return await run_in_thread(job.finish, tally)

    async def _aslot(
        self, running: dict[asyncio.Task[None], InFlightPiece], tally: JobState
    ) -> Permit:
        """The same."""
        with request_permit(self.slots, tally) as slot:
            settled = asyncio.wrap_future(slot.granted)
            while not slot.granted.done():
                ended, _ = await asyncio.wait(
                    {settled, *running}, return_when=asyncio.FIRST_COMPLETED
                )
                _forget(running, ended)
            _forget(running, [each for each in running if each.done()])
        return slot

    async def _apiece(self, job: TranscriptionJob, errand: InFlightPiece, tally: JobState) -> None:
        call = errand.step.call
        with contextlib.closing(errand), tally.noting():
            answer = await self._asent(call.request, tally)
            await run_in_thread_to_end(lambda: job.keep(errand.step, call.read(answer), tally))


@contextlib.contextmanager
def request_permit(slots: FairSemaphore, tally: JobState) -> Iterator[Permit]:
    """A slot to wait for, which is given back when the job is halted meanwhile."""
    slot = slots.request()
    try:
        with tally.halt.callback(slot.close):
            yield slot
    except BaseException:
        slot.close()
        raise


@contextlib.contextmanager
def _closed_on_failure(given_back: InFlightPiece | Permit) -> Iterator[None]:
    try:
        yield
    except BaseException:
        given_back.close()
        raise


def _next_errand(steps: Generator[PieceRequest], slot: Permit) -> InFlightPiece | None:
    """The next piece, cut now that there is room for it; None when there is no more to send."""
    with _closed_on_failure(slot):
        step = None if slot.is_closed else next(steps, None)
    if step is None:
        slot.close()
        return None
    return InFlightPiece(step, slot)


async def _anext_errand(steps: Generator[PieceRequest], slot: Permit) -> InFlightPiece | None:
    """The same, off the event loop."""
    with _closed_on_failure(slot):
        return await run_in_thread_to_end(_next_errand, steps, slot)


def _forget(running: dict[Any, InFlightPiece], ended: Iterable[Any]) -> None:
    """Drop what has ended, or raise what is none of our errors, which are noted in the tally."""
    for each in ended:
        each.result()
        running.pop(each, None)


def _require_no_error(ended: Iterable[Future[None] | asyncio.Task[None]]) -> None:
    for each in ended:
        each.result()
