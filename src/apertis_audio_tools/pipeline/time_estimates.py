"""Times for the transcripts of models that return none."""

import logging

from apertis_audio_tools.audio import Piece, find_pauses
from apertis_audio_tools.errors import RecordingError
from apertis_audio_tools.results import Segment, Transcript
from apertis_audio_tools.text.time_estimates import estimate_times

logger: logging.Logger = logging.getLogger("apertis_audio_tools")


def add_estimated_times(transcript: Transcript, piece: Piece) -> Transcript:
    """Return a transcript with segments; if the service gave none, they are sentences.

    Args:
        transcript: Transcript of the piece.
        piece: Audio whose pauses show when the sentences were spoken.
    """
    if transcript.segments or not transcript.text.strip():
        return transcript
    try:
        pauses = find_pauses(piece.upload)
    except RecordingError as error:  # the words are paid for, whatever the times are
        logger.warning("Times are estimated from the text alone: %s", error)
        pauses = []
    length = piece.end - piece.start
    inside = [(start, min(end, length)) for start, end in pauses if start < length]
    segments = tuple(
        Segment(id=number, start=start, end=end, text=text, estimated=True)
        for number, (start, end, text) in enumerate(estimate_times(transcript.text, length, inside))
    )
    return transcript.model_copy(update={"segments": segments})
