"""Stitch the transcripts of pieces into one transcript on the recording's time line."""

import functools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from apertis_audio_tools.audio import TimeMap
from apertis_audio_tools.models import MIN_REQUEST_SECONDS
from apertis_audio_tools.pipeline.overlaps import merge_overlap
from apertis_audio_tools.pipeline.segment_words import TimedWord, divide
from apertis_audio_tools.results import Segment, Transcript, Usage, Word
from apertis_audio_tools.text.passages import join_texts

_MIN_MISSING_SECONDS, _MISSING_SHARE = 5.0, 0.05
"""Seconds, and share of a recording, that headers may claim besides the audio."""

T = TypeVar("T", Segment, Word)


@dataclass(frozen=True, slots=True)
class TranscribedPiece:
    """A piece of a recording and its transcript.

    Attributes:
        start: Start of the piece, in seconds of the recording.
        end: End of the piece, in seconds of the recording.
        overlap: Seconds at its start that the previous piece has too.
        transcript: Transcript with times from the start of the piece.
        time_map: Where its audio is in the recording, if parts of that are left out.
        signal: Number of the channel or track that it is a piece of.
    """

    start: float
    end: float
    overlap: float
    transcript: Transcript
    time_map: TimeMap | None = None
    signal: int = 0

    @property
    def seconds(self) -> float:
        """Length of its audio."""
        return self.end - self.start if self.time_map is None else self.time_map.seconds

    def placed_segments(self) -> list[Segment]:
        """Return the segments with times of the recording; a text without segments is one."""
        text, segments = self.transcript.text, self.transcript.segments
        if not segments and text.strip():
            segments = (Segment(start=0, end=self.seconds, text=text),)
        if self.time_map is not None:
            return [each for segment in segments for each in _map_times(segment, self.time_map)]
        return [_move(segment, self.start) for segment in segments]


def place(piece: TranscribedPiece) -> Transcript:
    """Return the transcript of the only piece with times of the recording."""
    if not piece.start and piece.time_map is None:
        return piece.transcript
    moved = {"segments": tuple(piece.placed_segments()), "duration": round(piece.end, 3)}
    return piece.transcript.model_copy(update=moved)


def stitch(pieces: Sequence[TranscribedPiece], empty: Transcript) -> Transcript:
    """Return one transcript of all pieces, which are in order.

    Segments get times of the recording and consecutive ids, and words in an overlap are kept once.
    The language is the one with the longest segments. Usage is summed. The request id, the server
    and further fields are those of the last piece. `empty` has the name of the recording, the model
    and so on.
    """
    return join_segments(stitch_segments(pieces), pieces, empty)


def stitch_segments(pieces: Sequence[TranscribedPiece]) -> list[Segment]:
    """Return the segments of all pieces of a signal in order, with the words in overlaps once.

    Speakers that the service has named anew in each of several pieces get the number of the piece.
    """
    if _count_diarized(pieces) > 1:
        pieces = [_number_speakers(piece, number) for number, piece in enumerate(pieces, 1)]
    return list(_in_order(_merge_segments(pieces)))


def join_segments(
    segments: Iterable[Segment], pieces: Sequence[TranscribedPiece], empty: Transcript
) -> Transcript:
    """Return the transcript of segments in order, with the facts about the pieces they are from."""
    numbered = tuple(
        segment.model_copy(update={"id": number}) for number, segment in enumerate(segments)
    )
    last = pieces[-1].transcript if pieces else empty
    return empty.model_copy(
        update={
            "text": join_texts(segment.text for segment in numbered),
            "segments": numbered,
            "model": join_models(piece.transcript.model for piece in pieces) or empty.model,
            "language": _longest_language(pieces) or empty.language,
            "usage": sum_usage(piece.transcript.usage for piece in pieces),
            "request_id": last.request_id,
            "server": last.server,
            "extra": last.extra,
        }
    )


def find_notes(
    pieces: Sequence[TranscribedPiece], whole: Transcript, claimed_end: float | None
) -> list[str]:
    """Return sentences about what was noticed in the transcript of all pieces.

    `claimed_end` is the second at which the recording ends by its header, or None if that does not
    know.
    """
    notes = list[str]()
    end = pieces[-1].end if pieces else 0.0
    if claimed_end and claimed_end - end > max(_MIN_MISSING_SECONDS, claimed_end * _MISSING_SHARE):
        notes.append(
            f"Its audio ends at {end:.0f} s, and its header says {claimed_end:.0f} s; it may be "
            "incomplete."
        )
    short = sum(piece.seconds < MIN_REQUEST_SECONDS for piece in pieces)
    if short:
        subject = "It" if len(pieces) == 1 else f"A part of it ({short} of {len(pieces)} pieces)"
        notes.append(f"{subject} is shorter than {MIN_REQUEST_SECONDS} s and was not sent.")
    if clamped := sum(segment.clamped for segment in whole.segments):
        notes.append(
            f"The service gave impossible times for {clamped} of {len(whole.segments)} segments; "
            "they have the nearest possible ones."
        )
    if not whole.text.strip():
        notes.append("No speech was found in it, so the transcript is empty.")
    return notes


def _count_diarized(pieces: Iterable[TranscribedPiece]) -> int:
    """Return the number of pieces in which the service has named speakers."""
    return sum(any(each.speaker for each in piece.transcript.segments) for piece in pieces)


def _number_speakers(piece: TranscribedPiece, number: int) -> TranscribedPiece:
    segments = tuple(
        each.model_copy(update={"speaker": each.speaker and f"{each.speaker} (piece {number})"})
        for each in piece.transcript.segments
    )
    return replace(piece, transcript=piece.transcript.model_copy(update={"segments": segments}))


def find_speaker_notes(pieces: Iterable[TranscribedPiece]) -> list[str]:
    """Return a sentence about speakers that the service has named anew in several pieces."""
    if (count := _count_diarized(pieces)) <= 1:
        return []
    return [
        f"The service named speakers anew in each of {count} pieces, with another name in each."
    ]


def _merge_segments(pieces: Iterable[TranscribedPiece]) -> Iterator[Segment]:
    """Yield all segments in order, with the words in each overlap once."""
    previous: list[Segment] = []
    for piece in pieces:
        segments = piece.placed_segments()
        if piece.overlap:
            end = piece.start + piece.overlap
            previous, segments = merge_overlap(previous, segments, piece.start, end)
        yield from previous
        previous = segments
    yield from previous


def _in_order(segments: Iterable[Segment]) -> Iterator[Segment]:
    """Yield segments none of which starts before the one before it.

    Where two pieces hear different words in their overlap, those of the later piece come later.
    """
    previous: Segment | None = None
    for segment in segments:
        if previous and segment.start <= previous.start:
            times = {"start": previous.start, "end": max(segment.end, previous.end)}
            is_changed = segment.start < previous.start or segment.clamped
            segment = segment.model_copy(update={**times, "clamped": is_changed})  # noqa: PLW2901
        yield segment
        previous = segment


def _move(timed: T, seconds: float) -> T:
    """Return a segment or word moved by some seconds, but not to before the recording's start."""
    start, end = (max(0.0, round(time + seconds, 3)) for time in (timed.start, timed.end))
    update: dict[str, object] = {"start": start, "end": end}
    if isinstance(timed, Segment):
        update["words"] = tuple(_move(word, seconds) for word in timed.words)
    return timed.model_copy(update=update)


def join_models(models: Iterable[str]) -> str:
    """Return the model that responded, or all models if they are several."""
    return ", ".join(dict.fromkeys(filter(None, models)))


def _map_times(segment: Segment, time_map: TimeMap) -> Iterator[Segment]:
    """Yield the parts of a segment of joined audio with times of the recording."""

    def find_part(timed: TimedWord | Segment) -> int:
        return time_map.part_at((timed.start + timed.end) / 2)

    for part, each in divide(segment, find_part, find_part(segment)):
        place = functools.partial(_map_part, time_map, part)
        words = tuple(map(place, each.words))
        yield place(each).model_copy(update={"words": words})


def _map_part(time_map: TimeMap, part: int, timed: T) -> T:
    start, end = (
        max(0.0, round(time_map.original_time(part, time), 3)) for time in (timed.start, timed.end)
    )
    return timed.model_copy(update={"start": start, "end": end})


def _longest_language(pieces: Iterable[TranscribedPiece]) -> str | None:
    milliseconds: Counter[str] = Counter()
    for piece in pieces:
        if language := piece.transcript.language:
            lengths = (segment.end - segment.start for segment in piece.placed_segments())
            milliseconds[language] += round(1000 * sum(lengths))
    return max(milliseconds, key=milliseconds.__getitem__, default=None)


def sum_usage(usages: Iterable[Usage | None]) -> Usage | None:
    """Return the sums of what is known."""
    counted = [usage.model_dump(exclude_none=True) for usage in usages if usage]
    names = {name for each in counted for name in each}
    sums = {name: sum(each.get(name, 0) for each in counted) for name in names}
    return Usage.model_validate(sums) if counted else None
