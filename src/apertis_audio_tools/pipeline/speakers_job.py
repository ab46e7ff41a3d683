"""Transcription of a recording that has one speaker on each channel or track."""

from collections import defaultdict
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace

from apertis_audio_tools.audio import Recording, SignalLevels, find_voiced_spans, measure_levels
from apertis_audio_tools.pipeline.crosstalk import remove_echoes
from apertis_audio_tools.pipeline.job_state import JobState
from apertis_audio_tools.pipeline.stitching import TranscribedPiece, join_segments, stitch_segments
from apertis_audio_tools.pipeline.transcription_job import PieceRequest, TranscriptionJob
from apertis_audio_tools.results import Transcript


@dataclass(slots=True)
class SpeakersJob:
    """One recording, each of whose channels or tracks is transcribed by itself.

    Attributes:
        whole: The job of the whole recording, which knows its options and its cache.
        signals: The jobs of its channels or tracks.
    """

    whole: TranscriptionJob
    signals: Sequence[TranscriptionJob]
    _levels: SignalLevels | None = field(default=None, repr=False)
    _spans: Sequence[tuple[tuple[float, float], ...]] = field(default=(), repr=False)

    @property
    def recording(self) -> Recording:
        """The recording."""
        return self.whole.recording

    def source(self) -> "SpeakersJob":
        """Return the job of the transcript that is translated."""
        return SpeakersJob(self.whole.source(), [each.source() for each in self.signals])

    def cached(self) -> Transcript | None:
        """Return the whole transcript if the cache has it."""
        return self.whole.cached()

    def requests(self, state: JobState) -> Generator[PieceRequest]:
        """Yield the pieces to send; see `TranscriptionJob.requests`."""
        with state.catching_failure():
            self._listen()
        for job, spans in zip(self.signals, self._spans, strict=False):
            if spans and not state.stop.is_set:
                yield from self._voiced_job(job, spans).requests(state)

    def store(self, request: PieceRequest, transcript: Transcript, state: JobState) -> None:
        """Add the transcript of a piece; see `TranscriptionJob.store`."""
        job = self.signals[request.signal]
        self._voiced_job(job, self._spans[request.signal]).store(request, transcript, state)

    def finish(self, state: JobState) -> Transcript:
        """Return the whole transcript; see `TranscriptionJob.finish`."""
        pieces = self.whole.finished_pieces(state, self._join)
        return self.whole.keep(self._join(pieces), pieces, self._notes())

    def _listen(self) -> None:
        """Find out which signals have a voice, and when."""
        recordings = [job.recording for job in self.signals]
        self._levels = measure_levels(self.recording, recordings)
        spans = find_voiced_spans(self._levels)
        self._spans = [
            () if number in self._levels.copies else each for number, each in enumerate(spans)
        ]

    def _voiced_job(
        self, job: TranscriptionJob, spans: Sequence[tuple[float, float]]
    ) -> TranscriptionJob:
        """Return the job of a signal that sends only some spans of the recording."""
        delay = job.recording.start - self.recording.start
        voiced = tuple((max(start - delay, 0.0), end - delay) for start, end in spans)
        return replace(job, recording=replace(job.recording, voiced=voiced))

    def _join(self, pieces: Sequence[TranscribedPiece]) -> Transcript:
        """Return the transcript of the pieces of all signals on one time line."""
        by_signal = defaultdict[int, list[TranscribedPiece]](list)
        for piece in pieces:
            by_signal[piece.signal].append(piece)
        segments = {number: stitch_segments(each) for number, each in by_signal.items()}
        if self._levels is not None:
            segments = remove_echoes(segments, self._levels, self.recording.start)
        labelled = [
            segment.model_copy(update={"speaker": self._name(number)})
            for number, each in segments.items()
            for segment in each
        ]
        labelled.sort(key=lambda segment: (segment.start, segment.end))
        return join_segments(labelled, pieces, self.whole.empty())

    def _name(self, number: int) -> str | None:
        """Return the name of the speaker of a signal; None if all signals are the same."""
        if self._is_one_signal:
            return None
        names = self.whole.factory.options.speaker_names
        return names[number] if names else f"Speaker {number + 1}"

    @property
    def _copies(self) -> dict[int, int]:
        return self._levels.copies if self._levels else {}

    @property
    def _is_one_signal(self) -> bool:
        return 0 < len(self._copies) == len(self.signals) - 1

    def _notes(self) -> list[str]:
        """Return sentences about the signals that were not sent."""
        options = self.whole.factory.options
        indexes: Sequence[int] = range(len(self.signals))
        kind = "Channel"
        if options.speakers == "tracks":
            kind, indexes = "Track", [each.recording.tracks[0].index for each in self.signals]
        elif options.channels:
            indexes = options.channels
        notes = list[str]()
        for number, spans in enumerate(self._spans):
            name = f"{kind} {indexes[number]}"
            if number in self._copies:
                other = indexes[self._copies[number]]
                notes.append(f"{name} is the same as {other}, and was sent once.")
            elif not spans:
                notes.append(f"{name} has no voice of its own, and was not sent.")
        if self._is_one_signal:
            notes.append("All of them are the same, so that no speakers can be told apart.")
        return notes
