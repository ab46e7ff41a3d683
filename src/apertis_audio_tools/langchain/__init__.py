"""Apertis audio for LangChain: document loader, blob parser, agent tools and a chat model.

Requires the extra: ``pip install "apertis-audio-tools[langchain]"``. Names are loaded on first use.
"""

from apertis_audio_tools.adapters.entry_points import load_component

TYPE_CHECKING: bool = False  # without the annotation, jedi skips the names below
if TYPE_CHECKING:
    from apertis_audio_tools.langchain.blobs import RecordingBlobLoader
    from apertis_audio_tools.langchain.chat_model import ChatApertisAudio
    from apertis_audio_tools.langchain.loader import ApertisAudioLoader
    from apertis_audio_tools.langchain.middleware import DropAudio
    from apertis_audio_tools.langchain.parser import ApertisAudioParser
    from apertis_audio_tools.langchain.toolkit import ApertisAudioToolkit
    from apertis_audio_tools.langchain.tools import (
        AskAboutAudio,
        ListRecordings,
        SpeakText,
        TranscribeAudio,
        TranslateAudio,
    )
    from apertis_audio_tools.langchain.voice_runnables import SpeakRunnable, TranscribeRunnable

__all__ = [
    "ApertisAudioLoader",
    "ApertisAudioParser",
    "ApertisAudioToolkit",
    "AskAboutAudio",
    "ChatApertisAudio",
    "DropAudio",
    "ListRecordings",
    "RecordingBlobLoader",
    "SpeakRunnable",
    "SpeakText",
    "TranscribeAudio",
    "TranscribeRunnable",
    "TranslateAudio",
]

_MODULES = {
    "ApertisAudioLoader": "loader",
    "ApertisAudioParser": "parser",
    "ApertisAudioToolkit": "toolkit",
    "AskAboutAudio": "tools",
    "ChatApertisAudio": "chat_model",
    "DropAudio": "middleware",
    "ListRecordings": "tools",
    "RecordingBlobLoader": "blobs",
    "SpeakRunnable": "voice_runnables",
    "SpeakText": "tools",
    "TranscribeAudio": "tools",
    "TranscribeRunnable": "voice_runnables",
    "TranslateAudio": "tools",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return globals().setdefault(name, load_component(__name__, _MODULES[name], name))


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
