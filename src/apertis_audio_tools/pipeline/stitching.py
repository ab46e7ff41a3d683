"""Stitch the transcripts of pieces into one transcript on the recording's time line."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from apertis_audio_tools.pipeline.overlaps import merge_overlap
from apertis_audio_tools.results import Segment, Transcript, Usage
from apertis_audio_tools.text.passages import join_texts


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
    The language is the one with the longest segments. Usage is summed. The request id and the
    server are those of the last piece. `empty` has the name of the recording, the model and so on.
    """
    segments = tuple(
        segment.model_copy(update={"id": number})
        for number, segment in enumerate(_merge_segments(pieces))
    )
    last = pieces[-1].transcript if pieces else empty
    return empty.model_copy(
        update={
            "text": join_texts(segment.text for segment in segments),
            "segments": segments,
            "language": _longest_language(pieces) or empty.language,
            "usage": _sum_usage(piece.transcript.usage for piece in pieces),
            "request_id": last.request_id,
            "server": last.server,
        }
    )


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


def _move(segment: Segment, seconds: float) -> Segment:
    """Return a segment moved by some seconds, but not to before the start of the recording."""
    start, end = (max(0.0, round(time + seconds, 3)) for time in (segment.start, segment.end))
    return segment.model_copy(update={"start": start, "end": end})


def _longest_language(pieces: Iterable[TranscribedPiece]) -> str | None:
    milliseconds: Counter[str] = Counter()
    for piece in pieces:
        if language := piece.transcript.language:
            lengths = (segment.end - segment.start for segment in piece.placed_segments())
            milliseconds[language] += round(1000 * sum(lengths))
    return max(milliseconds, key=milliseconds.__getitem__, default=None)


def _sum_usage(usages: Iterable[Usage | None]) -> Usage | None:
    counted = [usage.model_dump() for usage in usages if usage]
    if not counted:
        return None
    return Usage(**{name: sum(each[name] for each in counted) for name in Usage.model_fields})
