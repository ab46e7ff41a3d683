"""Run one speech job: parts of the text are requested ahead and joined in order."""

import asyncio
import contextlib
import io
from collections import deque
from collections.abc import AsyncGenerator, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from apertis_audio_tools.api.call import Call
from apertis_audio_tools.audio import OutputBuffer
from apertis_audio_tools.concurrency.permits import FairSemaphore
from apertis_audio_tools.errors import ApertisError
from apertis_audio_tools.pipeline.job_state import JobState
from apertis_audio_tools.pipeline.request_runner import RequestRunner
from apertis_audio_tools.pipeline.speech_job import SpeechFileJob, SpeechJob, append_part
from apertis_audio_tools.pipeline.transcription_runner import request_permit
from apertis_audio_tools.pipeline.worker_pool import (
    WorkerPool,
    cancel_tasks,
    run_in_thread,
    run_in_thread_to_end,
)
from apertis_audio_tools.results import Speech, SpeechFile
from apertis_audio_tools.transport.cancellation import CancelToken

PlacedCall = tuple[str, Call[Speech]]
_Futures = deque[Future[Speech | None]]
_Tasks = deque[asyncio.Task[Speech | None]]


@dataclass(frozen=True, slots=True)
class SpeechRunner:
    """Runner of speech jobs; the parts of all jobs share the permits."""

    requests: RequestRunner
    permits: FairSemaphore

    def run(self, job: SpeechJob) -> Speech:
        """Return a spoken text."""
        if job.is_single:
            return self.requests.run(job.single_call(), job.state())
        file = io.BytesIO()
        return job.joined(file, self._join(job, file))

    async def arun(self, job: SpeechJob) -> Speech:
        """Async version of `run`. A thread looks at the joined audio."""
        if job.is_single:
            return await self.requests.arun(job.single_call(), job.state())
        file = io.BytesIO()
        last = await self._ajoin(job, file)
        return await run_in_thread(job.joined, file, last)

    def stream(self, job: SpeechJob) -> Iterator[bytes]:
        """Return an iterator over the bytes of a spoken text, as they arrive."""
        if job.is_single:
            return self.requests.stream(job.stream_call())
        return self._join_stream(job)

    def astream(self, job: SpeechJob) -> AsyncGenerator[bytes]:
        """Async version of `stream`."""
        if job.is_single:
            return self.requests.astream(job.stream_call())
        return self._ajoin_stream(job)

    def save(self, job: SpeechFileJob) -> SpeechFile:
        """Write a spoken text to a file that appears when it is complete, or not at all."""
        with job.create_file() as new:
            if job.speech.is_single:
                call, state = job.speech.stream_call(), job.speech.state()
                head = self.requests.download(call, new.file, state)
                return job.describe(new, head)
            return job.describe(new, self._join(job.speech, new.file))

    async def asave(self, job: SpeechFileJob) -> SpeechFile:
        """Async version of `save`. Threads write to the disk."""
        new = await run_in_thread_to_end(job.create_file, undo=lambda created: created.discard())
        try:
            if job.speech.is_single:
                call, state = job.speech.stream_call(), job.speech.state()
                head = await self.requests.adownload(call, new.file, state)
                saved = await run_in_thread(job.describe, new, head)
            else:
                last = await self._ajoin(job.speech, new.file)
                saved = await run_in_thread(job.describe, new, last)
            await run_in_thread_to_end(new.commit)
        finally:
            new.discard()
        return saved

    def _join(self, job: SpeechJob, file: BinaryIO) -> Speech:
        """Join all parts in a file and return the last one.

        After a failure nothing more is sent, and requests under way are cancelled.
        """
        with job.concatenate(file) as joined, contextlib.closing(self._parts(job)) as parts:
            for part in parts:
                append_part(joined, part)
            joined.finish()
        return part

    async def _ajoin(self, job: SpeechJob, file: BinaryIO) -> Speech:
        """Async version of `_join`. Threads join the parts."""
        with job.concatenate(file) as joined:
            async with contextlib.aclosing(self._aparts(job)) as parts:
                async for part in parts:
                    await run_in_thread_to_end(append_part, joined, part)
            await run_in_thread_to_end(joined.finish)
        return part

    def _join_stream(self, job: SpeechJob) -> Generator[bytes]:
        """Yield the bytes of the joined audio as soon as each part is there."""
        buffer = OutputBuffer()
        with job.concatenate(buffer) as joined, contextlib.closing(self._parts(job)) as parts:
            for part in parts:
                append_part(joined, part)
                yield from drain(buffer)
            joined.finish()
            yield from drain(buffer)

    async def _ajoin_stream(self, job: SpeechJob) -> AsyncGenerator[bytes]:
        """Async version of `_join_stream`."""
        buffer = OutputBuffer()
        with job.concatenate(buffer) as joined:
            async with contextlib.aclosing(self._aparts(job)) as parts:
                async for part in parts:
                    await run_in_thread_to_end(append_part, joined, part)
                    for chunk in drain(buffer):
                        yield chunk
            await run_in_thread_to_end(joined.finish)
            for chunk in drain(buffer):
                yield chunk

    def _parts(self, job: SpeechJob) -> Generator[Speech]:
        """Yield all parts in order; later ones are requested while one is being used."""
        state, running = job.state(), _Futures()
        ahead, upcoming = job.ahead or self.permits.size, iter(job.part_calls())
        with WorkerPool(ahead) as pool:
            try:
                while True:
                    for call in islice(upcoming, ahead - len(running)):
                        running.append(pool.submit(self.part, call, state, pool.cancel_token))
                    if not running:
                        return
                    while not running[0].done() and not state.failure:
                        wait([each for each in running if not each.done()], None, FIRST_COMPLETED)
                    yield take_first(running, state)
            except BaseException:
                state.stop.set()
                pool.cancel_token.cancel()
                raise

    def part(self, placed: PlacedCall, state: JobState, token: CancelToken) -> Speech | None:
        """Return one part; None if the job has failed, which `state` then knows."""
        place, call = placed
        with (
            state.catching_failure(),
            _errors_at(place),
            token.scope(),
            request_permit(self.permits, state) as permit,
            permit,
        ):
            permit.granted.result()
            state.require_running()
            return self.requests.run(call, state)
        return None

    async def _aparts(self, job: SpeechJob) -> AsyncGenerator[Speech]:
        """Async version of `_parts`."""
        state, running = job.state(), _Tasks()
        ahead, upcoming = job.ahead or self.permits.size, iter(job.part_calls())
        try:
            while True:
                for call in islice(upcoming, ahead - len(running)):
                    running.append(asyncio.create_task(self.apart(call, state)))
                if not running:
                    return
                while not running[0].done() and not state.failure:
                    pending = [each for each in running if not each.done()]
                    await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                yield take_first(running, state)
        finally:
            state.stop.set()
            await cancel_tasks(running)

    async def apart(self, placed: PlacedCall, state: JobState) -> Speech | None:
        """Async version of `part`."""
        place, call = placed
        with (
            state.catching_failure(),
            _errors_at(place),
            request_permit(self.permits, state) as permit,
            permit,
        ):
            await asyncio.wrap_future(permit.granted)
            state.require_running()
            charge = await self.requests.acharge(call.request, state)
            response = await self.requests.asend(call.request, charge, state)
            return await run_in_thread_to_end(call.read, response)
        return None


def take_first(running: _Futures | _Tasks, state: JobState) -> Speech:
    """Remove and return the part whose turn it is; raise the failure of the job if it failed."""
    if running[0].done() and (part := running.popleft().result()):
        return part
    state.raise_failure()
    raise AssertionError("a part has arrived or has failed")


@contextlib.contextmanager
def _errors_at(place: str) -> Iterator[None]:
    """Prefix errors with the part of the text they are about."""
    try:
        yield
    except ApertisError as error:
        error.args = (f"{place}: {error}",)
        raise


def drain(buffer: OutputBuffer) -> Iterator[bytes]:
    """Yield what a buffer holds, unless it is empty."""
    if data := buffer.take():
        yield data
