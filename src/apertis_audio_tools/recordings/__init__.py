"""Recordings: where they come from, what is in them, and how they are made fit to send.

The only package that imports ``av``.
"""

from apertis_audio_tools.recordings.cutting import pieces
from apertis_audio_tools.recordings.encoding import chat_audio
from apertis_audio_tools.recordings.joining import Joining, Sink
from apertis_audio_tools.recordings.planning import Piece
from apertis_audio_tools.recordings.probing import Recording, probe
from apertis_audio_tools.recordings.sources import Source, is_named, label_of
from apertis_audio_tools.recordings.spoken import MEDIA_TYPES, identify

__all__ = [
    "MEDIA_TYPES",
    "Joining",
    "Piece",
    "Recording",
    "Sink",
    "Source",
    "chat_audio",
    "identify",
    "is_named",
    "label_of",
    "pieces",
    "probe",
]
