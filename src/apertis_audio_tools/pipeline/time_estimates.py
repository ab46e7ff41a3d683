"""Times for the transcripts of models that return none."""

import logging

from apertis_audio_tools.audio import Piece, find_pauses
from apertis_audio_tools.errors import RecordingError
from apertis_audio_tools.results import Segment, Transcript
from apertis_audio_tools.text.time_estimates import estimate_times

logger: logging.Logger = logging.getLogger("apertis_audio_tools")

_MAX_CHARACTERS_PER_SECOND = 100
"""Several times as many as anybody speaks; a text with more was not spoken in the piece."""
_MIN_CHARACTERS = 10_000
"""Characters that are divided however short the piece is."""


def add_estimated_times(transcript: Transcript, piece: Piece) -> Transcript:
    """Return a transcript with segments; if the service gave none, they are sentences.

    A text that nobody can have spoken in the piece stays without.

    Args:
        transcript: Transcript of the piece.
        piece: Audio whose pauses show when the sentences were spoken.
    """
    length = piece.seconds
    is_possible = len(transcript.text) <= _MIN_CHARACTERS + _MAX_CHARACTERS_PER_SECOND * length
    if transcript.segments or not transcript.text.strip() or not is_possible:
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
