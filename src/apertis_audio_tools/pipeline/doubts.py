"""Mark the segments of a transcript that nobody may have said."""

import logging
from collections import Counter
from collections.abc import Iterator

from apertis_audio_tools.audio import Piece, find_voiceless
from apertis_audio_tools.errors import RecordingError
from apertis_audio_tools.models import Quality
from apertis_audio_tools.results import Segment, Transcript
from apertis_audio_tools.text.passages import join_texts
from apertis_audio_tools.text.repetitions import (
    MAX_COMPRESSION_RATIO,
    compression_ratio,
    find_repeated,
)

logger: logging.Logger = logging.getLogger("apertis_audio_tools")

_MIN_NO_SPEECH, _MAX_LOGPROB = 0.6, -1.0
"""Together they mean that nobody speaks, as in Whisper's own decoder."""


def mark_doubts(transcript: Transcript, piece: Piece) -> Transcript:
    """Return a transcript whose segments have a reason to doubt them, or an empty one."""
    if not transcript.segments:
        return transcript
    voiceless = _find_voiceless(transcript, piece)
    repeated = find_repeated([segment.text for segment in transcript.segments])
    marked = list[Segment]()
    for segment, is_voiceless, is_repeated in zip(
        transcript.segments, voiceless, repeated, strict=True
    ):
        reasons = _reasons(segment, is_voiceless=is_voiceless, is_repeated=is_repeated)
        marked.append(segment.model_copy(update={"doubtful": next(reasons, "")}))
    return transcript.model_copy(update={"segments": tuple(marked)})


def are_examined(transcript: Transcript) -> bool:
    """Return whether `mark_doubts` has examined all segments."""
    return all(segment.doubtful is not None for segment in transcript.segments)


def treat_doubts(transcript: Transcript, quality: Quality) -> Transcript:
    """Return a transcript with marks, without them, or without the marked segments.

    What is left out is counted in a note, by reason.
    """
    if quality == "mark" or not any(each.doubtful is not None for each in transcript.segments):
        return transcript
    if quality == "keep":
        segments = [each.model_copy(update={"doubtful": None}) for each in transcript.segments]
        return transcript.model_copy(update={"segments": tuple(segments)})
    kept = [each for each in transcript.segments if not each.doubtful]
    reasons = Counter(each.doubtful for each in transcript.segments if each.doubtful)
    if not reasons:
        return transcript
    counts = ", ".join(f"{reason} ({count})" for reason, count in reasons.items())
    note = f"{reasons.total()} of {len(transcript.segments)} segments were left out: {counts}."
    logger.warning("%s: %s", transcript.source, note)
    numbered = [each.model_copy(update={"id": number}) for number, each in enumerate(kept)]
    update = {
        "segments": tuple(numbered),
        "text": join_texts(each.text for each in numbered),
        "notes": (*transcript.notes, note),
    }
    return transcript.model_copy(update=update)


def _find_voiceless(transcript: Transcript, piece: Piece) -> list[bool]:
    spans = [(segment.start, segment.end) for segment in transcript.segments]
    try:
        return find_voiceless(piece.upload, spans)
    except RecordingError as error:  # the words are paid for; their numbers still speak
        logger.warning("Segments are marked without hearing the recording: %s", error)
        return [False] * len(spans)


def _reasons(segment: Segment, *, is_voiceless: bool, is_repeated: bool) -> Iterator[str]:
    """Yield the reasons to doubt a segment, the clearest first."""
    no_speech, logprob = segment.no_speech_prob or 0.0, segment.avg_logprob or 0.0
    if no_speech > _MIN_NO_SPEECH and logprob < _MAX_LOGPROB:
        yield "the model found no speech"
    if (segment.compression_ratio or compression_ratio(segment.text)) > MAX_COMPRESSION_RATIO:
        yield "repeats itself"
    if is_voiceless:
        yield "nobody speaks"
    if is_repeated:
        yield "repeats the segment before"
