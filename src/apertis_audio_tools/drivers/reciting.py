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

from apertis_audio_tools import recitals
from apertis_audio_tools.calls import Call
from apertis_audio_tools.drivers.carrying import Carrying, asked
from apertis_audio_tools.drivers.threads import Crew, cancelled, in_thread, off_loop
from apertis_audio_tools.errors import ApertisError
from apertis_audio_tools.jobs import Tally
from apertis_audio_tools.recitals import Recital, Saving
from apertis_audio_tools.recordings import Sink
from apertis_audio_tools.results import Speech, SpeechFile
from apertis_audio_tools.transport import Abort

_Named = tuple[str, Call[Speech]]
_Running = deque[Future[Speech | None]]
_ARunning = deque[asyncio.Task[Speech | None]]


@dataclass(frozen=True, slots=True)
class Reciting(Carrying):
    """Carries recitals; the parts of all of them share the slots."""

    def speak(self, recital: Recital) -> Speech:
        """The sound of a text, in memory."""
        if recital.is_one:
            return self.answer(recital.call())
        file = io.BytesIO()
        return recital.joined(file, self.recite(recital, file))

    async def aspeak(self, recital: Recital) -> Speech:
        """The same; the sound is looked at off the event loop."""
        if recital.is_one:
            return await self.aanswer(recital.call())
        file = io.BytesIO()
        last = await self.arecite(recital, file)
        return await off_loop(recital.joined, file, last)

    def stream_speech(self, recital: Recital) -> Iterator[bytes]:
        """The bytes of a spoken text, as they arrive."""
        if recital.is_one:
            return self.stream(recital.streamed())
        return self.recite_stream(recital)

    def astream_speech(self, recital: Recital) -> AsyncGenerator[bytes]:
        """The same."""
        if recital.is_one:
            return self.astream(recital.streamed())
        return self.arecite_stream(recital)

    def save(self, saving: Saving) -> SpeechFile:
        """A spoken text as a file, which is there when it is complete, or not at all."""
        recital = saving.recital
        with saving.begun() as new:
            if recital.is_one:
                return saving.saved(new, self.download(recital.streamed(), new.file))
            return saving.saved(new, self.recite(recital, new.file))

    async def asave(self, saving: Saving) -> SpeechFile:
        """The same; the disk is written off the event loop."""
        recital = saving.recital
        new = await in_thread(saving.begun, undo=lambda begun: begun.discard())
        try:
            if recital.is_one:
                head = await self.adownload(recital.streamed(), new.file)
                saved = await off_loop(saving.saved, new, head)
            else:
                last = await self.arecite(recital, new.file)
                saved = await off_loop(saving.saved, new, last)
            await off_loop(new.commit)
        finally:
            new.discard()
        return saved

    def recite(self, recital: Recital, file: BinaryIO) -> Speech:
        """All parts, joined in a file; gives the last one.

        After a failure nothing more is sent, and what is under way is given up.
        """
        with recital.joining(file) as joining, contextlib.closing(self._parts(recital)) as parts:
            for part in parts:
                recitals.add(joining, part)
            joining.finish()
        return part

    async def arecite(self, recital: Recital, file: BinaryIO) -> Speech:
        """The same; parts are joined off the event loop."""
        with recital.joining(file) as joining:
            async with contextlib.aclosing(self._aparts(recital)) as parts:
                async for part in parts:
                    await in_thread(recitals.add, joining, part)
            await in_thread(joining.finish)
        return part

    def recite_stream(self, recital: Recital) -> Generator[bytes]:
        """The bytes of the joined sound, as soon as each part is there."""
        sink = Sink()
        with recital.joining(sink) as joining, contextlib.closing(self._parts(recital)) as parts:
            for part in parts:
                recitals.add(joining, part)
                yield from _taken(sink)
            joining.finish()
            yield from _taken(sink)

    async def arecite_stream(self, recital: Recital) -> AsyncGenerator[bytes]:
        """The same."""
        sink = Sink()
        with recital.joining(sink) as joining:
            async with contextlib.aclosing(self._aparts(recital)) as parts:
                async for part in parts:
                    await in_thread(recitals.add, joining, part)
                    for chunk in _taken(sink):
                        yield chunk
            await in_thread(joining.finish)
            for chunk in _taken(sink):
                yield chunk

    def _parts(self, recital: Recital) -> Generator[Speech]:
        """All parts in order; some are made while one is being used."""
        tally, running = Tally(), _Running()
        ahead, upcoming = recital.ahead or self.slots.size, iter(recital.calls())
        with Crew(ahead) as crew:
            try:
                while True:
                    for named in islice(upcoming, ahead - len(running)):
                        running.append(crew.submit(self._part, named, tally, crew.abort))
                    if not running:
                        return
                    while not running[0].done() and not tally.failure:
                        wait([each for each in running if not each.done()], None, FIRST_COMPLETED)
                    yield _first(running, tally)
            except BaseException:
                tally.halt.set()
                crew.abort.now()
                raise

    def _part(self, named: _Named, tally: Tally, abort: Abort) -> Speech | None:
        place, call = named
        with (
            tally.noting(),
            _placed(place),
            abort.watching(),
            asked(self.slots, tally) as slot,
            slot,
        ):
            slot.settled.result()
            tally.require_going()
            return call.read(self._sent(call.request, tally))
        return None

    async def _aparts(self, recital: Recital) -> AsyncGenerator[Speech]:
        """The same."""
        tally, running = Tally(), _ARunning()
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
            await cancelled(running)

    async def _apart(self, named: _Named, tally: Tally) -> Speech | None:
        place, call = named
        with tally.noting(), _placed(place), asked(self.slots, tally) as slot, slot:
            await asyncio.wrap_future(slot.settled)
            tally.require_going()
            return await in_thread(call.read, await self._asent(call.request, tally))
        return None


def _first(running: _Running | _ARunning, tally: Tally) -> Speech:
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


def _taken(sink: Sink) -> Iterator[bytes]:
    if taken := sink.take():
        yield taken
