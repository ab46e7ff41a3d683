"""Open, measure, cut and write audio. The only package that imports ``av``."""

from apertis_audio_tools.audio.cutting.pause_shortening import shorten_pauses
from apertis_audio_tools.audio.cutting.pieces import cut_pieces
from apertis_audio_tools.audio.cutting.signal_levels import SignalLevels, measure_levels
from apertis_audio_tools.audio.cutting.speech_times import find_pauses
from apertis_audio_tools.audio.cutting.time_maps import TimeMap
from apertis_audio_tools.audio.cutting.units import Piece
from apertis_audio_tools.audio.cutting.voice_activity import find_voiceless, require_voice_detector
from apertis_audio_tools.audio.cutting.voiced_spans import find_voiced_spans
from apertis_audio_tools.audio.input.isolation import probe_in_child
from apertis_audio_tools.audio.input.probing import Recording, probe, probe_content
from apertis_audio_tools.audio.input.signals import split_signals
from apertis_audio_tools.audio.input.sources import (
    Source,
    SourceContent,
    is_named_source,
    open_source,
    require_file,
    source_label,
)
from apertis_audio_tools.audio.output.chat_clip import cut_chat_clip, encode_chat_clip
from apertis_audio_tools.audio.output.concatenation import Concatenation, OutputBuffer
from apertis_audio_tools.audio.output.identification import SPEECH_MEDIA_TYPES, identify_speech
from apertis_audio_tools.audio.timing.decoding import read_samples

__all__ = [
    "SPEECH_MEDIA_TYPES",
    "Concatenation",
    "OutputBuffer",
    "Piece",
    "Recording",
    "SignalLevels",
    "Source",
    "SourceContent",
    "TimeMap",
    "cut_chat_clip",
    "cut_pieces",
    "encode_chat_clip",
    "find_pauses",
    "find_voiced_spans",
    "find_voiceless",
    "identify_speech",
    "is_named_source",
    "measure_levels",
    "open_source",
    "probe",
    "probe_content",
    "probe_in_child",
    "read_samples",
    "require_file",
    "require_voice_detector",
    "shorten_pauses",
    "source_label",
    "split_signals",
]
