"""Open, measure, cut and write audio. The only package that imports ``av``."""

from apertis_audio_tools.audio.cutting.pieces import cut_pieces
from apertis_audio_tools.audio.cutting.speech_times import find_pauses
from apertis_audio_tools.audio.cutting.units import Piece
from apertis_audio_tools.audio.input.isolation import probe_in_child
from apertis_audio_tools.audio.input.probing import Recording, probe
from apertis_audio_tools.audio.input.sources import (
    Source,
    is_named_source,
    require_file,
    source_label,
)
from apertis_audio_tools.audio.output.chat_clip import cut_chat_clip, encode_chat_clip
from apertis_audio_tools.audio.output.concatenation import Concatenation, OutputBuffer
from apertis_audio_tools.audio.output.identification import SPEECH_MEDIA_TYPES, identify_speech

__all__ = [
    "SPEECH_MEDIA_TYPES",
    "Concatenation",
    "OutputBuffer",
    "Piece",
    "Recording",
    "Source",
    "cut_chat_clip",
    "cut_pieces",
    "encode_chat_clip",
    "find_pauses",
    "identify_speech",
    "is_named_source",
    "probe",
    "probe_in_child",
    "require_file",
    "source_label",
]
