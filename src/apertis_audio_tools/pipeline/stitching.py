"""Stitch the transcripts of pieces into one transcript on the recording's time line."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from apertis_audio_tools.models import MIN_REQUEST_SECONDS
from apertis_audio_tools.pipeline.overlaps import merge_overlap
from apertis_audio_tools.results import Segment, Transcript, Usage, Word
from apertis_audio_tools.text.passages import join_texts

T = TypeVar("T", Segment, Word)


@dataclass(frozen=True, slots=True)
class TranscribedPiece:
    """A piece of a recording and its transcript.

    Attributes:
        start: Start of the piece, in seconds of the recording.
        end: End of the piece, in seconds of the recording.
        overlap: Seconds at its start that the previous piece has too.
        transcript: Transcript with times from the start of the piece.
    """

    start: float
    end: float
    overlap: float
    transcript: Transcript

    def placed_segments(self) -> list[Segment]:
        """Return the segments with times of the recording; a text without segments is one."""
        text, segments = self.transcript.text, self.transcript.segments
        if not segments and text.strip():
            segments = (Segment(start=0, end=self.end - self.start, text=text),)
        return [_move(segment, self.start) for segment in segments]


def place(piece: TranscribedPiece) -> Transcript:
    """Return the transcript of the only piece with times of the recording."""
    if piece.start <= 0:
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
    segments = tuple(
        segment.model_copy(update={"id": number})
        for number, segment in enumerate(_in_order(_merge_segments(pieces)))
    )
    last = pieces[-1].transcript if pieces else empty
    return empty.model_copy(
        update={
            "text": join_texts(segment.text for segment in segments),
            "segments": segments,
            "model": join_models(piece.transcript.model for piece in pieces) or empty.model,
            "language": _longest_language(pieces) or empty.language,
            "usage": sum_usage(piece.transcript.usage for piece in pieces),
            "request_id": last.request_id,
            "server": last.server,
            "extra": last.extra,
        }
    )


def find_notes(pieces: Sequence[TranscribedPiece], whole: Transcript) -> list[str]:
    """Return sentences about what was noticed in the transcript of all pieces."""
    notes = list[str]()
    short = sum(piece.end - piece.start < MIN_REQUEST_SECONDS for piece in pieces)
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
