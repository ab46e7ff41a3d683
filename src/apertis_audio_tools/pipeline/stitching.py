"""Pieces of a recording and their transcripts become one transcript on its own time line."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from apertis_audio_tools.pipeline.overlaps import merge_overlap
from apertis_audio_tools.results import Segment, Transcript, Usage
from apertis_audio_tools.text.passages import join_texts


@dataclass(frozen=True, slots=True)
class TranscribedPiece:
    """What was heard in one piece.

    Attributes:
        start: Where the piece begins, in seconds of the recording.
        end: Where it ends, likewise.
        overlap: Seconds at its beginning that are also the end of the piece before.
        transcript: With times that count from the start of the piece.
    """

    start: float
    end: float
    overlap: float
    transcript: Transcript


def stitch(parts: Sequence[TranscribedPiece], about: Transcript) -> Transcript:
    """One transcript of all parts, which are in order; `about` tells of the recording.

    Segments get the recording's times and running ids; a part without segments becomes one
    segment over its span. What was heard twice, where parts overlap, is kept once. The language
    is the one that was spoken longest, and usage is summed.
    """
    segments = tuple(
        segment.model_copy(update={"id": number}) for number, segment in enumerate(_once(parts))
    )
    last = parts[-1].transcript if parts else about
    return about.model_copy(
        update={
            "text": join_texts(segment.text for segment in segments),
            "segments": segments,
            "language": _language(parts) or about.language,
            "usage": _summed([part.transcript.usage for part in parts]),
            "request_id": last.request_id,
            "server": last.server,
        }
    )


def _once(parts: Sequence[TranscribedPiece]) -> Iterator[Segment]:
    """All segments in order, without what the overlap of two parts made double."""
    held: list[Segment] = []
    for part in parts:
        placed = _placed(part)
        if part.overlap and held and placed:
            held, placed = merge_overlap(held, placed, part.start, part.start + part.overlap)
        yield from held
        held = placed
    yield from held


def _placed(part: TranscribedPiece) -> list[Segment]:
    """The segments of a part at their place in the recording."""
    transcript = part.transcript
    if not transcript.segments:
        said = Segment(start=0, end=part.end - part.start, text=transcript.text)
        return [_moved(said, part.start)] if said.text.strip() else []
    return [_moved(segment, part.start) for segment in transcript.segments]


def _moved(segment: Segment, seconds: float) -> Segment:
    """A segment so much later; what some codecs have before the beginning counts as there."""
    start, end = (max(0.0, round(time + seconds, 3)) for time in (segment.start, segment.end))
    return segment.model_copy(update={"start": start, "end": end})


def _language(parts: Sequence[TranscribedPiece]) -> str | None:
    """The language that was spoken for the longest time."""
    spoken: Counter[str] = Counter()
    for part in parts:
        language, said = part.transcript.language, _placed(part)
        if language:
            spoken[language] += round(1000 * sum(segment.end - segment.start for segment in said))
    return max(spoken, key=spoken.__getitem__, default=None)


def _summed(usages: Sequence[Usage | None]) -> Usage | None:
    counted = [usage for usage in usages if usage]
    if not counted:
        return None
    names = Usage.model_fields
    return Usage(**{name: sum(getattr(usage, name) for usage in counted) for name in names})
