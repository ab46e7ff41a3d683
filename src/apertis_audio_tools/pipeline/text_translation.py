"""Translate the segments of a transcript by a chat model, and keep their times."""

import functools
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from apertis_audio_tools.api.options import ModelNeed
from apertis_audio_tools.api.segment_translation import SegmentBatch, split_segments
from apertis_audio_tools.errors import ApertisError, MalformedResponseError
from apertis_audio_tools.models import AUTO
from apertis_audio_tools.pipeline.job_factory import JobContext
from apertis_audio_tools.pipeline.job_state import JobState
from apertis_audio_tools.pipeline.model_directory import ModelDirectory
from apertis_audio_tools.pipeline.request_runner import RequestRunner
from apertis_audio_tools.pipeline.stitching import join_models, sum_usage
from apertis_audio_tools.pipeline.transcription_job import TranscriptionJob
from apertis_audio_tools.pipeline.worker_pool import run_in_thread, run_in_thread_to_end
from apertis_audio_tools.results import ChatReply, PartialTranscript, Segment, Transcript, Usage
from apertis_audio_tools.text.passages import join_texts

_CHAT = ModelNeed(operation="chat")
_ATTEMPTS = 2
"""Requests for a batch whose reply has not the segments that were sent."""


@dataclass(slots=True)
class TextTranslation:
    """Translation of one transcript under way; a text without segments is one segment.

    Attributes:
        source: Transcript to translate.
        language: ISO 639-1 code of the language to translate into.
        chat_model: Chat model as it was asked for.
        context: Values that all jobs of the client share.
    """

    source: Transcript
    language: str
    chat_model: str
    context: JobContext
    _done: dict[int, Segment] = field(default_factory=dict)
    _models: list[str] = field(default_factory=list)
    _usages: list[Usage | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        source = self.source
        if not source.segments and source.text.strip():
            whole = Segment(start=0.0, end=source.duration or 0.0, text=source.text)
            self.source = source.model_copy(update={"segments": (whole,)})

    @classmethod
    def create(cls, job: TranscriptionJob, source: Transcript) -> "TextTranslation":
        """Return the translation of the transcript of a job."""
        options = job.factory.options
        return cls(source, options.to, options.chat_model, job.factory.context)

    def batches(self) -> Iterator[SegmentBatch]:
        """Yield the batches that have to be sent; others are in the cache."""
        for batch in split_segments(self.source.segments, self.language):
            cached = self.context.cache.get(self._key(batch)) if self.context.cache else None
            if cached:
                self._add(cached.segments, cached.model)
            else:
                yield batch

    def store(self, batch: SegmentBatch, reply: ChatReply) -> None:
        """Add a reply, or raise `MalformedResponseError` if it has other segments."""
        self._usages.append(reply.usage)
        segments = batch.read(reply)
        self._add(segments, reply.model)
        if self.context.cache:
            entry = Transcript(text="", model=reply.model, segments=segments)
            self.context.cache.put(self._key(batch), entry)

    def finish(self) -> Transcript:
        """Return the translated transcript, with the times of its source."""
        return self._translated(self._done.get(each.id, each) for each in self.source.segments)

    def add_partial(self, error: ApertisError) -> None:
        """Add what is translated to an error."""
        if self._done:
            done = self._translated(self._done.values())
            spans = tuple((each.start, each.end) for each in done.segments)
            error.partial = PartialTranscript(transcript=done, spans=spans)

    def _add(self, segments: tuple[Segment, ...], model: str) -> None:
        self._done |= {segment.id: segment for segment in segments}
        self._models.append(model)

    def _translated(self, translated: Iterable[Segment]) -> Transcript:
        segments = tuple(translated)
        update: dict[str, object] = {
            "task": "translate",
            "language": self.language,
            "segments": segments,
            "text": join_texts(segment.text for segment in segments),
            "model": join_models([self.source.model, *self._models]),
            "usage": sum_usage([self.source.usage, *self._usages]),
            "raw": "",
        }
        return self.source.model_copy(update=update)

    def _key(self, batch: SegmentBatch) -> str:
        """Return the cache key of a batch, which holds the chat model as it was asked for."""
        key = ["translation", self.context.base_url, self.chat_model, batch.content]
        return hashlib.sha256(json.dumps(key).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class TextTranslator:
    """Runner of translations; the batches of one transcript are sent one after the other."""

    requests: RequestRunner
    models: ModelDirectory

    def choose_model(self, chat_model: str) -> str:
        """Return the chat model; ``auto`` becomes the best one the key has."""
        return self.models.choose(_CHAT) if chat_model == AUTO else chat_model

    async def achoose_model(self, chat_model: str) -> str:
        """Async version of `choose_model`."""
        return await self.models.achoose(_CHAT) if chat_model == AUTO else chat_model

    def run(self, job: TextTranslation, model: str, state: JobState) -> Transcript:
        """Translate a transcript; an error has what was translated before it as ``partial``."""
        try:
            for batch in job.batches():
                call = batch.call(model, job.context.capabilities)
                for attempt in range(_ATTEMPTS):
                    reply = self.requests.run(call, state)
                    if _store(job, batch, reply, is_last=attempt + 1 == _ATTEMPTS):
                        break
        except ApertisError as error:
            job.add_partial(error)
            raise
        return job.finish()

    async def arun(self, job: TextTranslation, model: str, state: JobState) -> Transcript:
        """Async version of `run`. Threads read replies and use the cache."""
        batches = job.batches()
        try:
            while batch := await run_in_thread(next, batches, None):
                call = batch.call(model, job.context.capabilities)
                for attempt in range(_ATTEMPTS):
                    reply = await self.requests.arun(call, state)
                    store = functools.partial(_store, is_last=attempt + 1 == _ATTEMPTS)
                    if await run_in_thread_to_end(store, job, batch, reply):
                        break
        except ApertisError as error:
            job.add_partial(error)
            raise
        return job.finish()


def _store(job: TextTranslation, batch: SegmentBatch, reply: ChatReply, *, is_last: bool) -> bool:
    """Store a reply and return True, or return False if it has to be requested again."""
    try:
        job.store(batch, reply)
    except MalformedResponseError:
        if is_last:
            raise
        return False
    return True
