"""Recordings: where they come from, what is in them, and how they are made fit to send.

The only package that imports ``av``.
"""

from apertis_audio_tools.recordings.cutting import pieces
from apertis_audio_tools.recordings.encoding import chat_audio
from apertis_audio_tools.recordings.measuring import true_duration
from apertis_audio_tools.recordings.planning import Piece
from apertis_audio_tools.recordings.probing import Recording, probe
from apertis_audio_tools.recordings.sources import Source
from apertis_audio_tools.recordings.spoken import MEDIA_TYPES, identify

__all__ = [
    "MEDIA_TYPES",
    "Piece",
    "Recording",
    "Source",
    "chat_audio",
    "identify",
    "pieces",
    "probe",
    "true_duration",
]
