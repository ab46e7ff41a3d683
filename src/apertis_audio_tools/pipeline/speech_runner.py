"""A text to the service and its sound back: the parts made ahead, and handed over in order."""

import asyncio
import contextlib
import io
from collections import deque
from collections.abc import AsyncGenerator, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from apertis_audio_tools.api import Call
from apertis_audio_tools.audio import OutputBuffer
from apertis_audio_tools.errors import ApertisError
from apertis_audio_tools.pipeline import speech_job
from apertis_audio_tools.pipeline.speech_job import SpeechFileJob, SpeechJob
from apertis_audio_tools.pipeline.transcription_job import JobState
from apertis_audio_tools.pipeline.transcription_runner import TranscriptionRunner, request_permit
from apertis_audio_tools.pipeline.worker_pool import (
    WorkerPool,
    cancel_tasks,
    run_in_thread,
    run_in_thread_to_end,
)
from apertis_audio_tools.results import Speech, SpeechFile
from apertis_audio_tools.transport import CancelToken

_Named = tuple[str, Call[Speech]]
_Running = deque[Future[Speech | None]]
_ARunning = deque[asyncio.Task[Speech | None]]


@dataclass(frozen=True, slots=True)
class SpeechRunner(TranscriptionRunner):
    """Carries recitals; the parts of all of them share the slots."""

    def speak(self, recital: SpeechJob) -> Speech:
        """The sound of a text, in memory."""
        if recital.is_one:
            return self.answer(recital.call())
        file = io.BytesIO()
        return recital.joined(file, self.recite(recital, file))

    async def aspeak(self, recital: SpeechJob) -> Speech:
        """The same; the sound is looked at off the event loop."""
        if recital.is_one:
            return await self.aanswer(recital.call())
        file = io.BytesIO()
        last = await self.arecite(recital, file)
        return await run_in_thread(recital.joined, file, last)

    def stream_speech(self, recital: SpeechJob) -> Iterator[bytes]:
        """The bytes of a spoken text, as they arrive."""
        if recital.is_one:
            return self.stream(recital.streamed())
        return self.recite_stream(recital)

    def astream_speech(self, recital: SpeechJob) -> AsyncGenerator[bytes]:
        """The same."""
        if recital.is_one:
            return self.astream(recital.streamed())
        return self.arecite_stream(recital)

    def save(self, saving: SpeechFileJob) -> SpeechFile:
        """A spoken text as a file, which is there when it is complete, or not at all."""
        recital = saving.recital
        with saving.begun() as new:
            if recital.is_one:
                return saving.saved(new, self.download(recital.streamed(), new.file))
            return saving.saved(new, self.recite(recital, new.file))

    async def asave(self, saving: SpeechFileJob) -> SpeechFile:
        """The same; the disk is written off the event loop."""
        recital = saving.recital
        new = await run_in_thread_to_end(saving.begun, undo=lambda begun: begun.discard())
        try:
            if recital.is_one:
                head = await self.adownload(recital.streamed(), new.file)
                saved = await run_in_thread(saving.saved, new, head)
            else:
                last = await self.arecite(recital, new.file)
                saved = await run_in_thread(saving.saved, new, last)
            await run_in_thread(new.commit)
        finally:
            new.discard()
        return saved

    def recite(self, recital: SpeechJob, file: BinaryIO) -> Speech:
        """All parts, joined in a file; gives the last one.

        After a failure nothing more is sent, and what is under way is given up.
        """
        with recital.joining(file) as joining, contextlib.closing(self._parts(recital)) as parts:
            for part in parts:
                speech_job.append_part(joining, part)
            joining.finish()
        return part

    async def arecite(self, recital: SpeechJob, file: BinaryIO) -> Speech:
        """The same; parts are joined off the event loop."""
        with recital.joining(file) as joining:
            async with contextlib.aclosing(self._aparts(recital)) as parts:
                async for part in parts:
                    await run_in_thread_to_end(speech_job.append_part, joining, part)
            await run_in_thread_to_end(joining.finish)
        return part

    def recite_stream(self, recital: SpeechJob) -> Generator[bytes]:
        """The bytes of the joined sound, as soon as each part is there."""
        sink = OutputBuffer()
        with recital.joining(sink) as joining, contextlib.closing(self._parts(recital)) as parts:
            for part in parts:
                speech_job.append_part(joining, part)
                yield from _taken(sink)
            joining.finish()
            yield from _taken(sink)

    async def arecite_stream(self, recital: SpeechJob) -> AsyncGenerator[bytes]:
        """The same."""
        sink = OutputBuffer()
        with recital.joining(sink) as joining:
            async with contextlib.aclosing(self._aparts(recital)) as parts:
                async for part in parts:
                    await run_in_thread_to_end(speech_job.append_part, joining, part)
                    for chunk in _taken(sink):
                        yield chunk
            await run_in_thread_to_end(joining.finish)
            for chunk in _taken(sink):
                yield chunk

    def _parts(self, recital: SpeechJob) -> Generator[Speech]:
        """All parts in order; some are made while one is being used."""
        tally, running = JobState(), _Running()
        ahead, upcoming = recital.ahead or self.slots.size, iter(recital.calls())
        with WorkerPool(ahead) as crew:
            try:
                while True:
                    for named in islice(upcoming, ahead - len(running)):
                        running.append(crew.submit(self._part, named, tally, crew.cancel_token))
                    if not running:
                        return
                    while not running[0].done() and not tally.failure:
                        wait([each for each in running if not each.done()], None, FIRST_COMPLETED)
                    yield _first(running, tally)
            except BaseException:
                tally.halt.set()
                crew.cancel_token.cancel()
                raise

    def _part(self, named: _Named, tally: JobState, abort: CancelToken) -> Speech | None:
        place, call = named
        with (
            tally.noting(),
            _placed(place),
            abort.scope(),
            request_permit(self.slots, tally) as slot,
            slot,
        ):
            slot.granted.result()
            tally.require_going()
            return call.read(self._sent(call.request, tally))
        return None

    async def _aparts(self, recital: SpeechJob) -> AsyncGenerator[Speech]:
        """The same."""
        tally, running = JobState(), _ARunning()
        ahead, upcoming = recital.ahead or self.slots.size, iter(recital.calls())
        try:
            while True:
                for named in islice(upcoming, ahead - len(running)):
                    running.append(asyncio.create_task(self._apart(named, tally)))
                if not running:
                    return
                while not running[0].done() and not tally.failure:
                    pending = [each for each in running if not each.done()]
                    await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                yield _first(running, tally)
        finally:
            tally.halt.set()
            await cancel_tasks(running)

    async def _apart(self, named: _Named, tally: JobState) -> Speech | None:
        place, call = named
        with tally.noting(), _placed(place), request_permit(self.slots, tally) as slot, slot:
            await asyncio.wrap_future(slot.granted)
            tally.require_going()
            return await run_in_thread_to_end(call.read, await self._asent(call.request, tally))
        return None


def _first(running: _Running | _ARunning, tally: JobState) -> Speech:
    """The part whose turn it is; when there is none, because some part failed, that failure."""
    if running[0].done() and (part := running.popleft().result()):
        return part
    if failure := tally.take_failure():
        try:
            raise failure
        finally:
            del failure  # a frame it passes would hold it, and it the frame
    raise AssertionError("A part is there, or has failed.")


@contextlib.contextmanager
def _placed(place: str) -> Iterator[None]:
    """Errors say which part of the text it was."""
    try:
        yield
    except ApertisError as error:
        error.args = (f"{place}: {error}",)
        raise


def _taken(sink: OutputBuffer) -> Iterator[bytes]:
    if taken := sink.take():
        yield taken
