"""Transcripts as text to read: each passage after the time it begins."""

from apertis_audio_tools.results import Transcript

SILENCE = "Nothing is said in this recording."


def timecoded(transcript: Transcript, between: str = "\n") -> str:
    """Passages as ``[hh:mm:ss] text``, with `between` between them."""
    lines = (f"[{passage.timecode}] {passage.text}" for passage in transcript.passages())
    return between.join(lines) or SILENCE
