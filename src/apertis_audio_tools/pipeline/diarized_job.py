"""Transcription of a recording whose speakers a diarizer of the caller tells apart."""

from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from apertis_audio_tools.api.speakers import Diarizer, SpeakerSpan
from apertis_audio_tools.audio import Recording, read_samples
from apertis_audio_tools.errors import UnsupportedError
from apertis_audio_tools.pipeline.job_state import JobState
from apertis_audio_tools.pipeline.segment_words import TimedWord, divide
from apertis_audio_tools.pipeline.transcription_job import PieceRequest, TranscriptionJob
from apertis_audio_tools.results import Segment, Transcript
from apertis_audio_tools.text.passages import join_texts

_RATE = 16_000
_MAX_SECONDS = 12 * 3600
"""Longest recording that is held in memory: 2.8 GB."""
_NEAR_SECONDS = 1.0
"""Distance of a word from the nearest span at which it still is of its speaker."""


@dataclass(frozen=True, slots=True)
class DiarizedJob:
    """One recording to be transcribed, whose segments get the speakers of a diarizer.

    The cache has the transcript without speakers. The diarizer is called before anything is sent.
    """

    job: TranscriptionJob
    diarizer: Diarizer
    _spans: list[SpeakerSpan] = field(default_factory=list, repr=False)

    @property
    def recording(self) -> Recording:
        """The recording."""
        return self.job.recording

    @property
    def whole(self) -> TranscriptionJob:
        """The job without speakers, which knows its options and its cache."""
        return self.job

    def source(self) -> "DiarizedJob":
        """Return the job of the transcript that is translated."""
        return DiarizedJob(self.job.source(), self.diarizer)

    def cached(self) -> Transcript | None:
        """Return the whole transcript if the cache has it."""
        cached = self.job.cached()
        if cached is None:
            return None
        self._diarize()
        return self._label(cached)

    def requests(self, state: JobState) -> Generator[PieceRequest]:
        """Yield the pieces to send; see `TranscriptionJob.requests`."""
        with state.catching_failure():
            self._diarize()
        if not state.stop.is_set:
            yield from self.job.requests(state)

    def store(self, request: PieceRequest, transcript: Transcript, state: JobState) -> None:
        """Add the transcript of a piece; see `TranscriptionJob.store`."""
        self.job.store(request, transcript, state)

    def finish(self, state: JobState) -> Transcript:
        """Return the whole transcript; see `TranscriptionJob.finish`."""
        return self._label(self.job.finish(state))

    def _diarize(self) -> None:
        samples = array("f")
        for block in read_samples(self.recording, _RATE):
            samples.frombytes(block)
            if len(samples) > _MAX_SECONDS * _RATE:
                raise UnsupportedError(
                    f"{self.recording.label} is longer than the "
                    f"{_MAX_SECONDS / 3600:.0f} hours that a diarizer can be given."
                )
        start = self.recording.start
        for first, last, speaker in self.diarizer(samples, _RATE):
            self._spans.append(SpeakerSpan(start + first, start + last, str(speaker)))

    def _label(self, transcript: Transcript) -> Transcript:
        segments = label_speakers(transcript.segments, self._spans)
        text = join_texts(each.text for each in segments) if segments else transcript.text
        return transcript.model_copy(update={"segments": segments, "text": text})


def label_speakers(
    segments: Iterable[Segment], spans: Sequence[SpeakerSpan]
) -> tuple[Segment, ...]:
    """Return segments with their speakers, divided where the speaker changes within one.

    Without times of words, a segment is of the speaker who has most of its time.
    """
    timeline = _Timeline(sorted(spans))
    labelled = list[Segment]()
    for segment in segments:
        speaker = timeline.speaker_of(segment)
        runs = [(speaker, segment)]
        if segment.words:
            runs = divide(segment, timeline.speaker_of, speaker)
        labelled += [each.model_copy(update={"speaker": label}) for label, each in runs]
    return tuple(each.model_copy(update={"id": number}) for number, each in enumerate(labelled))


class _Timeline:
    """The spans of speakers by their start."""

    def __init__(self, spans: Sequence[SpeakerSpan]) -> None:
        self._spans = spans
        self._starts = [each.start for each in spans]
        self._latest_ends = list(accumulate((each.end for each in spans), max))

    def speaker_of(self, timed: TimedWord | Segment) -> str | None:
        """Return who speaks for most of a time, or else nearest to it."""
        first = bisect_left(self._latest_ends, timed.start - _NEAR_SECONDS)
        last = bisect_right(self._starts, timed.end + _NEAR_SECONDS)
        shares: dict[str, float] = defaultdict(float)
        nearest = (_NEAR_SECONDS, "")
        for start, end, speaker in self._spans[first:last]:
            common = min(end, timed.end) - max(start, timed.start)
            shares[speaker] += max(common, 0.0)
            nearest = min(nearest, (max(-common, 0.0), speaker))
        speaker = max(shares, key=shares.__getitem__, default="")
        return (speaker if shares[speaker] else nearest[1]) or None
