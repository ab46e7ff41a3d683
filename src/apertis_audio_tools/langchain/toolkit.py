"""All tools of an agent at once."""

from collections.abc import Sequence
from typing import Any, Self

from langchain_core.tools import BaseTool, BaseToolkit
from pydantic import Field, model_validator

from apertis_audio_tools.adapters.tools import MAX_ASK_SECONDS
from apertis_audio_tools.files.access import FileAccess, Folder, resolve_access
from apertis_audio_tools.langchain.client_fields import STRICT_CONFIG, CachingClientFields
from apertis_audio_tools.langchain.tools import (
    AskAboutAudio,
    SpeakText,
    TranscribeAudio,
    TranslateAudio,
)
from apertis_audio_tools.models import CHAT_MODEL, SPEECH_MODEL, TRANSCRIPTION_MODEL, VOICE


class ApertisAudioToolkit(CachingClientFields, BaseToolkit):
    """All tools of an agent, on one client and the same folders.

    Without folders to read from there is only `SpeakText`, and without one to write to there are
    only the others, so that a model is never offered what it may not do.

    Example:
        >>> from apertis_audio_tools.langchain import ApertisAudioToolkit
        >>> toolkit = ApertisAudioToolkit(inputs="recordings", output="spoken")
        >>> for tool in toolkit.get_tools():
        ...     print(tool.name)

    Args:
        inputs: A folder, or several, whose files may be read.
        output: The folder for new files.
        access: Instead of both; it can have a limit of size, too.
        transcription_model: Transcribes and translates.
        chat_model: Hears.
        ask_max_seconds: The longest recording it is asked about.
        speech_model: Speaks.
        voice: Unless the agent asks for another.
        audio_format: Of spoken files: mp3, opus, aac, flac or wav.
        client: As in `TranscribeAudio`, with the same settings.

    Raises:
        AccessError: A folder to read from is not there.
        ConfigurationError: No key, no folder, or a setting that cannot be.
    """

    model_config = STRICT_CONFIG

    inputs: Folder | Sequence[Folder] = Field(default=(), frozen=True)
    output: Folder | None = Field(default=None, frozen=True)
    access: FileAccess | None = Field(default=None, frozen=True, exclude=True, repr=False)
    transcription_model: str = TRANSCRIPTION_MODEL
    chat_model: str = CHAT_MODEL
    ask_max_seconds: float = MAX_ASK_SECONDS
    speech_model: str = SPEECH_MODEL
    voice: str = VOICE
    audio_format: str = "mp3"

    @model_validator(mode="after")
    def _require_folders(self) -> Self:
        _ = self._access
        return self

    @property
    def _access(self) -> FileAccess:
        return resolve_access(self.access, self.inputs, self.output)

    def get_tools(self) -> list[BaseTool]:
        """The tools that these folders allow."""
        shared: dict[str, Any] = {"client": self._audio, "access": self._access}
        reading = [
            TranscribeAudio(model=self.transcription_model, **shared),
            TranslateAudio(model=self.transcription_model, **shared),
            AskAboutAudio(model=self.chat_model, max_seconds=self.ask_max_seconds, **shared),
        ]
        speaking = SpeakText(
            model=self.speech_model, voice=self.voice, audio_format=self.audio_format, **shared
        )
        return [
            *(reading if self._access.inputs else ()),
            *([speaking] if self._access.output is not None else ()),
        ]
