"""The tool that speaks."""

import contextlib
import functools
from collections.abc import Iterator

from apertis_audio_tools.adapters.tools.arguments import SpeakArguments
from apertis_audio_tools.adapters.tools.tool import AudioTool, ToolPlan, ToolResult
from apertis_audio_tools.client import ApertisAudio
from apertis_audio_tools.files.access import FileAccess
from apertis_audio_tools.models import SPEECH_MODEL, VOICE
from apertis_audio_tools.results import SpeechFile


class SpeakTool(AudioTool):
    """A text as an audio file."""

    name = "speak_text"
    description = (
        "Say a text aloud: makes an audio file of it and tells its name. Use it only when "
        "spoken audio is wanted."
    )
    arguments = SpeakArguments

    def __init__(
        self,
        audio: ApertisAudio,
        access: FileAccess,
        *,
        model: str = SPEECH_MODEL,
        voice: str = VOICE,
        response_format: str = "mp3",
    ) -> None:
        super().__init__(audio, access)
        self._voice = voice
        self._options = {"model": model, "response_format": response_format}

    @contextlib.contextmanager
    def _planned(self, asked: SpeakArguments) -> Iterator[ToolPlan]:
        path = self._access.new_path(f".{self._options['response_format']}")
        options = {**self._options, "voice": asked.voice or self._voice}
        tell = functools.partial(_spoken, asked.text)
        yield ToolPlan("save_speech", (asked.text, path), options, tell)


def _spoken(text: str, speech: SpeechFile) -> ToolResult:
    name = speech.path.replace("\\", "/").rpartition("/")[2]
    artifact = {
        "path": speech.path,
        "media_type": speech.media_type,
        "duration": speech.duration,
        "size": speech.size,
        "transcript": text,
        "usage": None,
    }
    said = f"Spoken into the file {name} ({speech.duration:.1f} s, {speech.media_type})."
    return ToolResult(said, artifact)
