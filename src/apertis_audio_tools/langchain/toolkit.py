"""The toolkit: all tools of an agent."""

from collections.abc import Sequence
from typing import ClassVar, Self

from langchain_core.tools import BaseTool, BaseToolkit
from pydantic import ConfigDict, Field, PrivateAttr, model_validator

from apertis_audio_tools.adapters.client_handle import STRICT_CONFIG
from apertis_audio_tools.adapters.tools import MAX_ASK_SECONDS
from apertis_audio_tools.files.access import FileAccess, Folder, resolve_access
from apertis_audio_tools.langchain.client_fields import CachingClientFields
from apertis_audio_tools.langchain.tools import (
    AskAboutAudio,
    SpeakText,
    TranscribeAudio,
    TranslateAudio,
)
from apertis_audio_tools.models import (
    CHAT_MODEL,
    SPEECH_MODEL,
    TRANSCRIPTION_MODEL,
    VOICE,
    SpeechFormat,
)


class ApertisAudioToolkit(CachingClientFields, BaseToolkit):
    """All tools of an agent, sharing one client and the same folders.

    Without folders to read there is only `SpeakText`, and without a folder to write to there are
    only the others, so that a model is never offered a tool that cannot work.

    Examples:
        >>> from apertis_audio_tools.langchain import ApertisAudioToolkit
        >>> toolkit = ApertisAudioToolkit(inputs="recordings", output="spoken")
        >>> for tool in toolkit.get_tools():
        ...     print(tool.name)

    Args:
        inputs: A folder, or several, whose files may be read.
        output: Folder for new files.
        access: `FileAccess` to use in place of both; it can limit the size of files as well.
        transcription_model: Model that transcribes and translates.
        chat_model: Chat model that accepts audio.
        ask_max_seconds: Longest recording the chat model is asked about, in seconds.
        speech_model: Model that speaks.
        voice: Default voice; the agent may choose another.
        audio_format: Format of spoken files: mp3, opus, aac, flac or wav.
        client: `ApertisAudio` to share. Defaults to a client of the toolkit's own, whose settings,
            such as ``api_key`` or ``cache``, are accepted as well.

    Raises:
        AccessError: If a folder to read does not exist.
        ConfigurationError: If there is no API key, no folder, or a setting is invalid.
    """

    model_config: ClassVar[ConfigDict] = STRICT_CONFIG

    inputs: Folder | Sequence[Folder] = Field(default=(), frozen=True)
    output: Folder | None = Field(default=None, frozen=True)
    access: FileAccess | None = Field(default=None, frozen=True, exclude=True, repr=False)
    transcription_model: str = TRANSCRIPTION_MODEL
    chat_model: str = CHAT_MODEL
    ask_max_seconds: float = MAX_ASK_SECONDS
    speech_model: str = SPEECH_MODEL
    voice: str = VOICE
    audio_format: SpeechFormat = "mp3"

    _granted: tuple[object, FileAccess] | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _require_folders(self) -> Self:
        self._resolve_access()
        return self

    def _resolve_access(self) -> FileAccess:
        """Return the access; folders are resolved once, and again on a copy with other folders."""
        folders = (self.access, self.inputs, self.output)
        if self._granted is None or self._granted[0] != folders:
            self._granted = folders, resolve_access(*folders)
        return self._granted[1]

    def get_tools(self) -> list[BaseTool]:
        """Return the tools that the folders allow."""
        client, access = self._lazy_client.client, self._resolve_access()
        tools: list[BaseTool] = []
        if access.inputs:
            tools += [
                TranscribeAudio(client=client, access=access, model=self.transcription_model),
                TranslateAudio(client=client, access=access, model=self.transcription_model),
                AskAboutAudio(
                    client=client,
                    access=access,
                    model=self.chat_model,
                    max_seconds=self.ask_max_seconds,
                ),
            ]
        if access.output is not None:
            speak = SpeakText(
                client=client,
                access=access,
                model=self.speech_model,
                voice=self.voice,
                audio_format=self.audio_format,
            )
            tools.append(speak)
        return tools
