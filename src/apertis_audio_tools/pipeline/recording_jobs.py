"""Choose the job of a recording: of all of it, of its channels or tracks, or with a diarizer."""

from collections.abc import Generator
from typing import Protocol

from apertis_audio_tools.api.speakers import require_name_count
from apertis_audio_tools.audio import (
    Recording,
    Source,
    SourceContent,
    open_source,
    probe_content,
    split_signals,
)
from apertis_audio_tools.pipeline.diarized_job import DiarizedJob
from apertis_audio_tools.pipeline.job_factory import JobFactory
from apertis_audio_tools.pipeline.job_state import JobState
from apertis_audio_tools.pipeline.speakers_job import SpeakersJob
from apertis_audio_tools.pipeline.transcription_job import (
    PieceRequest,
    TranscriptionJob,
    find_transcript,
)
from apertis_audio_tools.results import Transcript


class RecordingJob(Protocol):
    """One recording to be transcribed; see `TranscriptionJob`."""

    @property
    def recording(self) -> Recording:
        """The recording."""

    @property
    def whole(self) -> TranscriptionJob:
        """The job of all of it, which knows its options and its cache."""

    def source(self) -> "RecordingJob":
        """Return the job of the transcript that is translated."""

    def cached(self) -> Transcript | None:
        """Return the whole transcript if the cache has it."""

    def requests(self, state: JobState) -> Generator[PieceRequest]:
        """Yield the pieces to send."""

    def store(self, request: PieceRequest, transcript: Transcript, state: JobState) -> None:
        """Add the transcript of a piece."""

    def finish(self, state: JobState) -> Transcript:
        """Return the whole transcript."""


def open_or_find(factory: JobFactory, source: Source) -> RecordingJob | Transcript:
    """Open a recording and return its job, or the whole transcript if the cache has it.

    The bytes of a recording that is known are only hashed.

    Raises:
        RecordingError: If it cannot be read.
        UnsupportedError: If it has no channels or tracks that could tell speakers apart.
    """
    content = open_source(source)
    if factory.context.cache is None or not isinstance(factory.options.speakers, str | None):
        return _open_content(factory, content)
    try:
        digest = content.digest()
        known = find_transcript(factory, content.label, digest)
    except BaseException:
        content.close()
        raise
    if known is None:
        return _open_content(factory, content, digest)
    content.close()
    return known


def open_job(factory: JobFactory, source: Source) -> RecordingJob:
    """Open a recording and return its job; see `open_or_find`."""
    return _open_content(factory, open_source(source))


def _open_content(
    factory: JobFactory, content: SourceContent, digest: str | None = None
) -> RecordingJob:
    options = factory.options
    track = "all" if options.speakers == "tracks" else options.track
    recording = probe_content(content, track=track, isolate=factory.context.isolate_probe)
    try:
        return _choose_job(recording, factory, digest or recording.digest())
    except BaseException:
        recording.content.close()
        raise


def _choose_job(recording: Recording, factory: JobFactory, digest: str) -> RecordingJob:
    options, speakers = factory.options, factory.options.speakers
    whole = TranscriptionJob(recording, factory, digest)
    if speakers is None:
        return whole
    if not isinstance(speakers, str):
        return DiarizedJob(whole.for_signal(recording, 0), speakers)
    signals = split_signals(recording, speakers, options.channels)
    require_name_count(options.speaker_names, len(signals), speakers)
    jobs = [whole.for_signal(each, number) for number, each in enumerate(signals)]
    return SpeakersJob(whole, jobs)
