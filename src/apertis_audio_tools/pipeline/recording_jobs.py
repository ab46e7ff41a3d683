"""Choose the job of a recording: of all of it, of its channels or tracks, or with a diarizer."""

from collections.abc import Generator
from typing import Protocol

from apertis_audio_tools.api.speakers import require_name_count
from apertis_audio_tools.audio import Recording, Source, probe, split_signals
from apertis_audio_tools.pipeline.diarized_job import DiarizedJob
from apertis_audio_tools.pipeline.job_factory import JobFactory
from apertis_audio_tools.pipeline.job_state import JobState
from apertis_audio_tools.pipeline.speakers_job import SpeakersJob
from apertis_audio_tools.pipeline.transcription_job import PieceRequest, TranscriptionJob
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


def open_job(factory: JobFactory, source: Source) -> RecordingJob:
    """Open a recording and return its job.

    Raises:
        RecordingError: If it cannot be read.
        UnsupportedError: If it has no channels or tracks that could tell speakers apart.
    """
    options = factory.options
    track = "all" if options.speakers == "tracks" else options.track
    recording = probe(source, track=track, isolate=factory.context.isolate_probe)
    try:
        return _choose_job(recording, factory)
    except BaseException:
        recording.content.close()
        raise


def _choose_job(recording: Recording, factory: JobFactory) -> RecordingJob:
    options, speakers = factory.options, factory.options.speakers
    whole = TranscriptionJob(recording, factory)
    if speakers is None:
        return whole
    if not isinstance(speakers, str):
        return DiarizedJob(whole.for_signal(recording, 0), speakers)
    signals = split_signals(recording, speakers, options.channels)
    require_name_count(options.speaker_names, len(signals), speakers)
    jobs = [whole.for_signal(each, number) for number, each in enumerate(signals)]
    return SpeakersJob(whole, jobs)
