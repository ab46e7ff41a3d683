"""A call of every verb of the client."""

import inspect
from pathlib import Path
from typing import Any

from apertis_audio_tools import ApertisAudio
from apertis_audio_tools.api.options import ChatOptions, SpeechOptions, TranscriptionOptions
from apertis_audio_tools.models import TRANSCRIPTION_MODEL
from support.wav_files import silent_wav


def verbs() -> list[str]:
    """Return the verbs of the client: the methods that have an async version."""
    names = {name for name, _ in inspect.getmembers(ApertisAudio, inspect.isfunction)}
    return sorted(name for name in names if f"a{name}" in names and name != "close")


def arguments_of(verb: str, folder: Path) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return arguments with which a verb sends one request."""
    recording, path = silent_wav(8000), folder / "speech.mp3"
    turns = [{"role": "user", "content": "Hello."}]
    calls: dict[str, tuple[Any, ...]] = {
        "balance": (),
        "estimate": ([recording],),
        "estimate_with": ([recording], TranscriptionOptions()),
        "estimate_speech": ("Hello.",),
        "models": (),
        "check_models": (),
        "transcribe": (recording,),
        "translate": (recording,),
        "transcribe_many": ([recording],),
        "translate_many": ([recording],),
        "chat": ("Hello.",),
        "chat_with": (turns, ChatOptions()),
        "stream_chat": ("Hello.",),
        "stream_chat_with": (turns, ChatOptions()),
        "transcribe_with": (recording, TranscriptionOptions()),
        "transcribe_many_with": ([recording], TranscriptionOptions()),
        "speak": ("Hello.",),
        "speak_with": ("Hello.", SpeechOptions()),
        "stream_speech": ("Hello.",),
        "save_speech": ("Hello.", path),
        "save_speech_with": ("Hello.", path, SpeechOptions()),
    }
    # Of a model that is named, a service without translations is not asked for anything else.
    options: dict[str, dict[str, Any]] = {
        "save_speech": {"overwrite": True},
        "translate": {"model": TRANSCRIPTION_MODEL},
        "translate_many": {"model": TRANSCRIPTION_MODEL},
    }
    return calls[verb], options.get(verb, {})
