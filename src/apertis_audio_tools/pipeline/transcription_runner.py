"""Run one transcription job: its pieces, as many at once as the client has permits for."""

import asyncio
import contextlib
import inspect
import os
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import TypeVar

from apertis_audio_tools.api.model_choice import is_endpoint_gone
from apertis_audio_tools.api.request import Request
from apertis_audio_tools.audio import Piece, Source
from apertis_audio_tools.concurrency.permits import FairSemaphore, Permit
from apertis_audio_tools.errors import NotFoundError
from apertis_audio_tools.pipeline.job_factory import JobFactory
from apertis_audio_tools.pipeline.job_state import JobState
from apertis_audio_tools.pipeline.model_directory import ModelDirectory, ModelPlan
from apertis_audio_tools.pipeline.recording_jobs import RecordingJob, open_or_find
from apertis_audio_tools.pipeline.request_runner import RequestRunner
from apertis_audio_tools.pipeline.text_translation import TextTranslation, TextTranslator
from apertis_audio_tools.pipeline.transcription_job import InFlightPiece, PieceRequest
from apertis_audio_tools.pipeline.worker_pool import (
    WorkerPool,
    cancel_tasks,
    run_in_thread,
    run_in_thread_to_end,
)
from apertis_audio_tools.results import Transcript
from apertis_audio_tools.transport.cancellation import CancelToken

_ENCODERS = FairSemaphore(os.cpu_count() or 1)
"""Permits to encode. The first pieces of a recording are sent sooner than if all shared the
processors."""

F = TypeVar("F", Future[None], asyncio.Task[None])


@dataclass(frozen=True, slots=True)
class TranscriptionRunner:
    """Runner of transcription jobs; the pieces of all jobs share the permits."""

    requests: RequestRunner
    permits: FairSemaphore
    models: ModelDirectory
    translator: TextTranslator

    def open(self, factory: JobFactory, source: Source) -> RecordingJob | Transcript:
        """Open a recording, or find its transcript in the cache; see `open_or_find`."""
        self.requests.transport.require_open()
        return open_or_find(factory, source)

    def run(self, job: RecordingJob | Transcript, state: JobState | None = None) -> Transcript:
        """Transcribe all pieces of a job concurrently. If one piece fails, the job fails.

        After a failure nothing new is sent, but pieces under way are paid for and awaited. An
        interrupt ends everything at once.
        """
        with WorkerPool(self.permits.size) as pool:
            return self.run_in(pool, job, state or JobState())

    def run_in(
        self, pool: WorkerPool, job: RecordingJob | Transcript, state: JobState
    ) -> Transcript:
        """Transcribe all pieces of a job in the threads of a pool.

        Where no model translates recordings, the transcript is translated by a chat model.
        """
        self.requests.transport.require_open()
        if isinstance(job, Transcript):
            return job
        if cached := job.cached():
            return cached
        with job.recording:
            self._require_price(job, state)
            need, missing = job.whole.translation_need, None
            if not job.whole.translates_text and (not need or self.models.translates(need)):
                try:
                    return self._run_pieces(pool, job, state)
                except NotFoundError as error:
                    if need is None or not is_endpoint_gone(error):
                        raise
                    missing = error
                    self.models.note_lack_of_translations()
                    state.restart()
            chat_model = self.translator.choose_model(job.whole.factory.options.chat_model)
            with _preferring(missing):
                source = self.run_in(pool, job.source(), state)
            translation = TextTranslation.create(job.whole, source)
            return job.whole.finish_text(self.translator.run(translation, chat_model, state))

    def _require_price(self, job: RecordingJob, state: JobState) -> None:
        """Raise `ConfigurationError` if a limit on the cost of a job cannot be kept."""
        if self.requests.limits_cost(state):
            self.requests.charge(
                _sample_request(self.models.plan(job.whole.factory.options)), state
            )

    async def _arequire_price(self, job: RecordingJob, state: JobState) -> None:
        """Async version of `_require_price`."""
        if self.requests.limits_cost(state):
            plan = await self.models.aplan(job.whole.factory.options)
            await self.requests.acharge(_sample_request(plan), state)

    def _run_pieces(self, pool: WorkerPool, job: RecordingJob, state: JobState) -> Transcript:
        running: dict[Future[None], InFlightPiece] = {}
        with contextlib.closing(job.requests(state)) as requests:
            try:
                while piece := _next_piece(requests, self._wait_for_permit(running, state)):
                    if piece.request.piece.is_whole and not running:
                        self._send(job, piece, state, pool.cancel_token)
                        break
                    with _closed_on_error(piece):
                        future = pool.submit(self._send, job, piece, state, pool.cancel_token)
                        running[future] = piece
                wait(running)
                _drop_done(running)
            except BaseException:
                state.stop.set()
                pool.cancel_token.cancel()
                raise
            finally:
                wait(running)
        return job.finish(state)

    def find_cached(self, job: RecordingJob | Transcript) -> Transcript | None:
        """Return the transcript of a job if the cache has all of it; send nothing."""
        if isinstance(job, Transcript):
            return job
        state = JobState()
        with job.recording, contextlib.closing(job.requests(state)) as requests:
            if cached := job.cached():
                return cached
            if missing := next(requests, None):
                missing.piece.close()
                return None
        return job.finish(state)

    async def arun(
        self, job: RecordingJob | Transcript, state: JobState | None = None
    ) -> Transcript:
        """Async version of `run`. Threads cut pieces and write the cache."""
        self.requests.transport.require_open()
        state = state or JobState()
        if isinstance(job, Transcript):
            return job
        has_cache = job.whole.factory.context.cache is not None
        if has_cache and (cached := await run_in_thread(job.cached)):
            return cached
        with job.recording:
            await self._arequire_price(job, state)
            need, missing = job.whole.translation_need, None
            if not job.whole.translates_text and (not need or await self.models.atranslates(need)):
                try:
                    return await self._arun_pieces(job, state)
                except NotFoundError as error:
                    if need is None or not is_endpoint_gone(error):
                        raise
                    missing = error
                    self.models.note_lack_of_translations()
                    state.restart()
            chat_model = await self.translator.achoose_model(job.whole.factory.options.chat_model)
            with _preferring(missing):
                source = await self.arun(job.source(), state)
            translation = TextTranslation.create(job.whole, source)
            translated = await self.translator.arun(translation, chat_model, state)
            return await run_in_thread(job.whole.finish_text, translated)

    async def _arun_pieces(self, job: RecordingJob, state: JobState) -> Transcript:
        """Async version of `_run_pieces`."""
        requests = job.requests(state)
        running: dict[asyncio.Task[None], InFlightPiece] = {}
        try:
            while piece := await _anext_piece(requests, await self._await_permit(running, state)):
                if piece.request.piece.is_whole and not running:
                    return await self._arun_whole(job, requests, piece, state)
                running[asyncio.create_task(self._asend(job, piece, state))] = piece
            if running:
                await asyncio.wait(running)
                _drop_done(running)
        finally:
            try:
                await cancel_tasks(running)
            finally:
                for piece in running.values():  # a task may be cancelled before it starts
                    piece.close()
                if inspect.getgeneratorstate(requests) != inspect.GEN_CLOSED:
                    await run_in_thread_to_end(requests.close)
        return await run_in_thread(job.finish, state)

    async def _arun_whole(
        self,
        job: RecordingJob,
        requests: Generator[PieceRequest],
        piece: InFlightPiece,
        state: JobState,
    ) -> Transcript:
        """Transcribe a recording that is sent as it is; one thread reads and keeps the response."""
        with contextlib.closing(piece), state.catching_failure():
            keep = await self._arespond(job, piece.request, state)

            def finish() -> Transcript:
                requests.close()
                keep()
                return job.finish(state)

            return await run_in_thread_to_end(finish)
        return await run_in_thread(job.finish, state)  # raises the error

    def _wait_for_permit(
        self, running: dict[Future[None], InFlightPiece], state: JobState
    ) -> Permit:
        """Return a permit, closed if the job was stopped; drop finished pieces from `running`."""
        with request_permit(self.permits, state) as permit:
            _drop_done(running)
            while not permit.granted.done():
                wait({permit.granted, *running}, return_when=FIRST_COMPLETED)
                _drop_done(running)
        return permit

    async def _await_permit(
        self, running: dict[asyncio.Task[None], InFlightPiece], state: JobState
    ) -> Permit:
        """Async version of `_wait_for_permit`."""
        with request_permit(self.permits, state) as permit:
            granted = asyncio.wrap_future(permit.granted)
            _drop_done(running)
            while not permit.granted.done():
                await asyncio.wait({granted, *running}, return_when=asyncio.FIRST_COMPLETED)
                _drop_done(running)
        return permit

    def _send(
        self, job: RecordingJob, piece: InFlightPiece, state: JobState, token: CancelToken
    ) -> None:
        request = piece.request
        with contextlib.closing(piece), state.catching_failure(), token.scope():
            if not request.piece.is_encoded:
                _encode(request.piece, state)
            call = request.call(self.models.choose(request.need) if request.need else None)
            job.store(request, self.requests.run(call, state), state)

    async def _asend(self, job: RecordingJob, piece: InFlightPiece, state: JobState) -> None:
        with contextlib.closing(piece), state.catching_failure():
            await run_in_thread_to_end(await self._arespond(job, piece.request, state))

    async def _arespond(
        self, job: RecordingJob, request: PieceRequest, state: JobState
    ) -> Callable[[], None]:
        """Send the request of a piece, and return the function that keeps its transcript."""
        if not request.piece.is_encoded:
            await _aencode(request.piece, state)
        call = request.call(await self.models.achoose(request.need) if request.need else None)
        charge = await self.requests.acharge(call.request, state)
        response = await self.requests.asend(call.request, charge, state)
        return lambda: job.store(request, charge.settle(call.read(response)), state)


@contextlib.contextmanager
def _preferring(missing: NotFoundError | None) -> Iterator[None]:
    """Raise the error of a missing endpoint if the next one is missing too: the URL is wrong."""
    try:
        yield
    except NotFoundError as error:
        if missing is not None and is_endpoint_gone(error):
            raise missing from None
        raise


def _sample_request(plan: ModelPlan) -> Request:
    """Return a request that is not sent, to find out whether its cost can be known before."""
    seconds = 0.0 if plan.translates_text else 1.0
    return Request("POST", "", model=plan.model, audio_seconds=seconds)


@contextlib.contextmanager
def request_permit(permits: FairSemaphore, state: JobState) -> Iterator[Permit]:
    """Request a permit that is returned on an error, or when the job is stopped meanwhile."""
    permit = permits.request()
    try:
        with state.stop.callback(permit.close):
            yield permit
    except BaseException:
        permit.close()
        raise


def _encode(piece: Piece, state: JobState) -> None:
    """Encode a piece if its job goes on."""
    with _ENCODERS.request() as permit:
        permit.granted.result()
        state.require_running()
        piece.encode()


async def _aencode(piece: Piece, state: JobState) -> None:
    """Async version of `_encode`. A thread encodes."""
    with _ENCODERS.request() as permit:
        await asyncio.wrap_future(permit.granted)
        state.require_running()
        await run_in_thread_to_end(piece.encode)


@contextlib.contextmanager
def _closed_on_error(resource: InFlightPiece | Permit) -> Iterator[None]:
    try:
        yield
    except BaseException:
        resource.close()
        raise


def _next_piece(requests: Generator[PieceRequest], permit: Permit) -> InFlightPiece | None:
    """Return the next piece, cut now that it has a permit; None if nothing more is to be sent."""
    with _closed_on_error(permit):
        request = None if permit.is_closed else next(requests, None)
    if request is None:
        permit.close()
        return None
    return InFlightPiece(request, permit)


async def _anext_piece(requests: Generator[PieceRequest], permit: Permit) -> InFlightPiece | None:
    """Async version of `_next_piece`."""
    with _closed_on_error(permit):
        return await run_in_thread_to_end(_next_piece, requests, permit)


def _drop_done(running: dict[F, InFlightPiece]) -> None:
    """Drop finished pieces, and raise errors that the job state does not catch."""
    for each in [each for each in running if each.done()]:
        each.result()
        del running[each]
