"""Times for the transcripts of models that return none."""

import logging
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise

from apertis_audio_tools.audio import Piece, find_pauses
from apertis_audio_tools.errors import RecordingError
from apertis_audio_tools.pipeline.segment_words import divide, find_words
from apertis_audio_tools.results import Segment, Transcript
from apertis_audio_tools.text.sentences import split_sentences
from apertis_audio_tools.text.time_estimates import estimate_times

logger: logging.Logger = logging.getLogger("apertis_audio_tools")

_MAX_CHARACTERS_PER_SECOND = 100
"""Several times as many as anybody speaks; a text with more was not spoken in the piece."""
_MIN_CHARACTERS = 10_000
"""Characters that are divided however short the piece is."""
_LONG_SEGMENT = 30.0
"""Seconds; the segments of Whisper are never longer."""
_PAUSE_SECONDS = 0.8
"""Pause between words that divides a long segment."""


def add_estimated_times(transcript: Transcript, piece: Piece) -> Transcript:
    """Return a transcript with segments; if the service gave none, they are sentences.

    So are the parts of a long segment, if the service gave the times of its words. A text that
    nobody can have spoken in the piece stays without segments.

    Args:
        transcript: Transcript of the piece.
        piece: Audio whose pauses show when the sentences were spoken.
    """
    length = piece.seconds
    is_possible = len(transcript.text) <= _MIN_CHARACTERS + _MAX_CHARACTERS_PER_SECOND * length
    if transcript.segments:
        segments = tuple(_divide_long(transcript.segments))
        return transcript.model_copy(update={"segments": segments})
    if not transcript.text.strip() or not is_possible:
        return transcript
    try:
        pauses = find_pauses(piece.upload)
    except RecordingError as error:  # the words are paid for, whatever the times are
        logger.warning("Times are estimated from the text alone: %s", error)
        pauses = []
    inside = [(start, min(end, length)) for start, end in pauses if start < length]
    segments = tuple(
        Segment(id=number, start=start, end=end, text=text, estimated=True)
        for number, (start, end, text) in enumerate(estimate_times(transcript.text, length, inside))
    )
    return transcript.model_copy(update={"segments": segments})


def _divide_long(segments: Sequence[Segment]) -> Iterator[Segment]:
    """Yield segments, in place of a long one its sentences at the times of their words.

    Services that are asked for words may give no segments.
    """
    number = 0
    for segment in segments:
        is_long = segment.words and segment.end - segment.start > _LONG_SEGMENT
        for part in _sentences(segment) if is_long else [segment]:
            yield part if part.id == number else part.model_copy(update={"id": number})
            number += 1


def _sentences(segment: Segment) -> list[Segment]:
    """Return the parts of a segment that end with a sentence or before a pause."""
    starts, position = list[int](), 0
    for sentence in split_sentences(segment.text):
        position = segment.text.index(sentence, position)
        starts.append(position)
        position += len(sentence)
    for before, after in pairwise(find_words(segment)):
        if after.start - before.end >= _PAUSE_SECONDS:
            starts.append(after.position)
    starts.sort()
    parts = divide(segment, lambda word: bisect_right(starts, word.position), 0)
    return [each for _, each in parts]
