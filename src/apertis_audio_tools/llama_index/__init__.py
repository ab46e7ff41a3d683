"""Adapter for LlamaIndex: a reader, a tool spec and a language model.

Requires the extra: ``pip install "apertis-audio-tools[llama-index]"``. Names are imported on first
use.
"""

from apertis_audio_tools.adapters.entry_points import load_component

TYPE_CHECKING: bool = False  # without the annotation, jedi skips the names below
if TYPE_CHECKING:
    from apertis_audio_tools.llama_index.clips import PassageClipPostprocessor
    from apertis_audio_tools.llama_index.events import (
        TranscriptionEndEvent,
        TranscriptionStartEvent,
    )
    from apertis_audio_tools.llama_index.llm import ApertisAudioLLM
    from apertis_audio_tools.llama_index.passage_parser import PassageNodeParser
    from apertis_audio_tools.llama_index.reader import ApertisAudioReader, audio_file_extractor
    from apertis_audio_tools.llama_index.tools import ApertisAudioToolSpec

_MODULES = {
    "ApertisAudioLLM": "llm",
    "ApertisAudioReader": "reader",
    "ApertisAudioToolSpec": "tools",
    "PassageClipPostprocessor": "clips",
    "PassageNodeParser": "passage_parser",
    "TranscriptionEndEvent": "events",
    "TranscriptionStartEvent": "events",
    "audio_file_extractor": "reader",
}

__all__ = [
    "ApertisAudioLLM",
    "ApertisAudioReader",
    "ApertisAudioToolSpec",
    "PassageClipPostprocessor",
    "PassageNodeParser",
    "TranscriptionEndEvent",
    "TranscriptionStartEvent",
    "audio_file_extractor",
]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return globals().setdefault(name, load_component(__name__, _MODULES[name], name))


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
