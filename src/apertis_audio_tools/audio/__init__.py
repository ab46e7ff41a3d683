"""Open, measure, cut and write audio. The only package that imports ``av``.

Modules are imported when a name of theirs is first used: PyAV alone takes longer than a request.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from apertis_audio_tools.audio.cutting.pause_shortening import shorten_pauses
    from apertis_audio_tools.audio.cutting.pieces import cut_pieces
    from apertis_audio_tools.audio.cutting.signal_levels import SignalLevels, measure_levels
    from apertis_audio_tools.audio.cutting.speech_times import find_pauses
    from apertis_audio_tools.audio.cutting.time_maps import TimeMap
    from apertis_audio_tools.audio.cutting.units import Piece
    from apertis_audio_tools.audio.cutting.voice_activity import (
        find_voiceless,
        require_voice_detector,
    )
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
    from apertis_audio_tools.audio.output.identification import identify_speech
    from apertis_audio_tools.audio.timing.decoding import read_samples

__all__ = [
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

_MODULES = {
    "Concatenation": "output.concatenation",
    "OutputBuffer": "output.concatenation",
    "Piece": "cutting.units",
    "Recording": "input.probing",
    "SignalLevels": "cutting.signal_levels",
    "Source": "input.sources",
    "SourceContent": "input.sources",
    "TimeMap": "cutting.time_maps",
    "cut_chat_clip": "output.chat_clip",
    "cut_pieces": "cutting.pieces",
    "encode_chat_clip": "output.chat_clip",
    "find_pauses": "cutting.speech_times",
    "find_voiced_spans": "cutting.voiced_spans",
    "find_voiceless": "cutting.voice_activity",
    "identify_speech": "output.identification",
    "is_named_source": "input.sources",
    "measure_levels": "cutting.signal_levels",
    "open_source": "input.sources",
    "probe": "input.probing",
    "probe_content": "input.probing",
    "probe_in_child": "input.isolation",
    "read_samples": "timing.decoding",
    "require_file": "input.sources",
    "require_voice_detector": "cutting.voice_activity",
    "shorten_pauses": "cutting.pause_shortening",
    "source_label": "input.sources",
    "split_signals": "input.signals",
}


_WITHOUT_AV = "input.sources"
"""The module that does not import PyAV."""


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if _MODULES[name] != _WITHOUT_AV:
        # Threads that import different modules of PyAV at once see unfinished ones; so it is
        # imported as a whole before any of them.
        import_module("av")
    module = import_module(f"{__name__}.{_MODULES[name]}")
    return globals().setdefault(name, getattr(module, name))
