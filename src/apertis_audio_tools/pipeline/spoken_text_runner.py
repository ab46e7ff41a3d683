"""Speak a text sentence by sentence while it is being written."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from apertis_audio_tools.audio import OutputBuffer
from apertis_audio_tools.errors import UnsupportedError
from apertis_audio_tools.models import MAX_SPEECH_CHARACTERS
from apertis_audio_tools.pipeline.job_state import JobState
from apertis_audio_tools.pipeline.speech_job import SpokenTextJob, append_part
from apertis_audio_tools.pipeline.speech_runner import SpeechRunner, drain, take_first
from apertis_audio_tools.pipeline.worker_pool import WorkerPool, cancel_tasks, run_in_thread_to_end
from apertis_audio_tools.results import Speech
from apertis_audio_tools.text.sentences import SentenceBuffer

Pieces = Iterable[str]
AsyncPieces = Iterable[str] | AsyncIterable[str]

_AHEAD = 3
"""Sentences that are being spoken, or wait to be played, while one is being played."""
_MAX_CHARACTERS = MAX_SPEECH_CHARACTERS // 2

P = TypeVar("P", Future[Any], asyncio.Task[Any])


@dataclass(slots=True)
class _TextState(Generic[P]):
    """Sentences under way, and the one that is being read from the text."""

    running: deque[P] = field(default_factory=deque)
    pull: P | None = None
    is_read: bool = False
    error: Exception | None = None

    @property
    def wants_sentence(self) -> bool:
        return self.pull is None and not self.is_read and len(self.running) < _AHEAD

    @property
    def is_finished(self) -> bool:
        return not self.running and self.pull is None

    def waiting(self) -> set[P]:
        """Return what may end the next wait: a sentence that was read, or the first one spoken."""
        return {*([self.pull] if self.pull else ()), *([self.running[0]] if self.running else ())}

    def take_sentence(self) -> str | None:
        """Return the sentence that was read, or None; an error of the text is kept for the end."""
        if self.pull is None or not self.pull.done():
            return None
        pull, self.pull = self.pull, None
        try:
            sentence: str | None = pull.result()
        except Exception as error:  # noqa: BLE001  # raised when what was read is spoken
            sentence, self.error = None, error
        self.is_read = sentence is None
        return sentence

    def raise_error(self, *, is_empty: bool) -> None:
        """Raise the error of the text, or one for a text without words."""
        if self.error:
            raise self.error
        if is_empty:
            raise UnsupportedError("There is nothing to speak: the text is empty.")


@dataclass(frozen=True, slots=True)
class SpokenTextRunner:
    """Runner of texts that are spoken while they are being written."""

    speech: SpeechRunner

    def stream(self, pieces: Pieces, job: SpokenTextJob) -> Generator[bytes]:
        """Yield the audio of a text as soon as each of its sentences is complete and spoken."""
        buffer = OutputBuffer()
        with (
            job.concatenate(buffer) as joined,
            contextlib.closing(self._parts(pieces, job)) as all_,
        ):
            for part in all_:
                append_part(joined, part)
                yield from drain(buffer)
            joined.finish()
            yield from drain(buffer)

    async def astream(self, pieces: AsyncPieces, job: SpokenTextJob) -> AsyncGenerator[bytes]:
        """Async version of `stream`. Threads join the audio, and read a text that may block."""
        buffer = OutputBuffer()
        with job.concatenate(buffer) as joined:
            async with contextlib.aclosing(self._aparts(pieces, job)) as parts:
                async for part in parts:
                    await run_in_thread_to_end(append_part, joined, part)
                    for chunk in drain(buffer):
                        yield chunk
            await run_in_thread_to_end(joined.finish)
            for chunk in drain(buffer):
                yield chunk

    def _parts(self, pieces: Pieces, job: SpokenTextJob) -> Generator[Speech]:
        state, text, is_empty = JobState(), _TextState[Future[Any]](), True
        with contextlib.closing(_sentences(pieces)) as sentences, WorkerPool(_AHEAD + 1) as pool:
            try:
                while True:
                    if text.wants_sentence:
                        text.pull = pool.submit(next, sentences, None)
                    if text.is_finished:
                        break
                    wait(text.waiting(), None, FIRST_COMPLETED)
                    if (sentence := text.take_sentence()) is not None:
                        call, token = job.call(sentence), pool.cancel_token
                        text.running.append(pool.submit(self.speech.part, call, state, token))
                    if text.running and (text.running[0].done() or state.failure):
                        yield take_first(text.running, state)
                        is_empty = False
            except BaseException:
                state.stop.set()
                pool.cancel_token.cancel()
                raise
        text.raise_error(is_empty=is_empty)

    async def _aparts(self, pieces: AsyncPieces, job: SpokenTextJob) -> AsyncGenerator[Speech]:
        """Async version of `_parts`."""
        state, text, is_empty = JobState(), _TextState[asyncio.Task[Any]](), True
        sentences = _asentences(pieces)
        try:
            while True:
                if text.wants_sentence:
                    text.pull = asyncio.create_task(_anext(sentences))
                if text.is_finished:
                    break
                await asyncio.wait(text.waiting(), return_when=asyncio.FIRST_COMPLETED)
                if (sentence := text.take_sentence()) is not None:
                    task = asyncio.create_task(self.speech.apart(job.call(sentence), state))
                    text.running.append(task)
                if text.running and (text.running[0].done() or state.failure):
                    yield take_first(text.running, state)
                    is_empty = False
        finally:
            state.stop.set()
            await cancel_tasks([*text.running, *([text.pull] if text.pull else ())])
            await sentences.aclose()
        text.raise_error(is_empty=is_empty)


async def _anext(sentences: AsyncGenerator[str]) -> str | None:
    return await anext(sentences, None)


def _sentences(pieces: Pieces) -> Generator[str]:
    buffer = SentenceBuffer(_MAX_CHARACTERS)
    try:
        for piece in pieces:
            yield from buffer.add(_require_text(piece))
        yield from buffer.finish()
    finally:
        if isinstance(pieces, Generator):  # a model should not go on writing
            pieces.close()


async def _asentences(pieces: AsyncPieces) -> AsyncGenerator[str]:
    if not isinstance(pieces, AsyncIterable):
        with contextlib.closing(_sentences(pieces)) as sentences:
            while (read := await run_in_thread_to_end(next, sentences, None)) is not None:
                yield read
        return
    buffer = SentenceBuffer(_MAX_CHARACTERS)
    try:
        async for piece in pieces:
            for sentence in buffer.add(_require_text(piece)):
                yield sentence
        for sentence in buffer.finish():
            yield sentence
    finally:
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()


def _require_text(piece: object) -> str:
    if not isinstance(piece, str):
        raise UnsupportedError(f"A text comes in pieces of type str, not {type(piece).__name__}.")
    return piece
