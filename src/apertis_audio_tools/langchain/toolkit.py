"""The toolkit: all tools of an agent."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

from langchain_core.tools import BaseTool, BaseToolkit
from pydantic import ConfigDict, Field, PrivateAttr, model_validator

from apertis_audio_tools.adapters.client_handle import STRICT_CONFIG
from apertis_audio_tools.api.speakers import SpeakerSource
from apertis_audio_tools.errors import ConfigurationError
from apertis_audio_tools.files.access import FileAccess, Folder, resolve_access
from apertis_audio_tools.langchain.client_fields import CachingClientFields
from apertis_audio_tools.models import AUTO, MAX_ASK_SECONDS, VOICE, SpeechFormat, TrackChoice


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
        speed: Speed of speech, 0.25 to 4.
        instructions: Manner of speaking, for the models that follow instructions.
        prompt: Context of recordings, or the spelling of names and terms.
        language: ISO 639-1 code of the language spoken, if the agent passes none.
        temperature: Sampling temperature of the transcription model, 0 to 1.
        chat_temperature: Sampling temperature of the chat model, 0 to 2.
        track: Audio track of recordings with several; see `TranscribeAudio`.
        speakers: ``channels`` or ``tracks``; see `TranscribeAudio`, as for the next two.
        speaker_names: Name for each channel or track.
        channels: Indexes of the channels.
        segments: True for the segments in the artifacts of transcripts.
        selected_tools: Names of the tools to make, in order. Defaults to all that the folders
            allow.
        names: Other names for tools, by their own.
        descriptions: Other descriptions of tools, by their names.
        handle_tool_error: What becomes of errors; see `BaseTool`. Defaults to True: they are
            messages to the model.
        client: `ApertisAudio` to share. Defaults to a client of the toolkit's own, whose settings,
            such as ``api_key`` or ``cache``, are accepted as well.

    Raises:
        AccessError: If a folder to read does not exist.
        ConfigurationError: If there is no API key, no folder, no such tool, two tools would have
            the same name, or a setting is invalid.
    """

    model_config: ClassVar[ConfigDict] = STRICT_CONFIG

    inputs: Folder | Sequence[Folder] = Field(default=(), frozen=True)
    output: Folder | None = Field(default=None, frozen=True)
    access: FileAccess | None = Field(default=None, frozen=True, exclude=True, repr=False)
    transcription_model: str = AUTO
    chat_model: str = AUTO
    ask_max_seconds: float = MAX_ASK_SECONDS
    speech_model: str = AUTO
    voice: str = VOICE
    audio_format: SpeechFormat = "mp3"
    speed: float | None = None
    instructions: str | None = None
    prompt: str | None = None
    language: str | None = None
    temperature: float | None = None
    chat_temperature: float | None = None
    track: TrackChoice = "default"
    speakers: SpeakerSource | None = None
    speaker_names: Sequence[str] | None = None
    channels: Sequence[int] | None = None
    segments: bool = False
    selected_tools: Sequence[str] | None = None
    names: dict[str, str] | None = None
    descriptions: dict[str, str] | None = None
    handle_tool_error: bool | str | Callable[..., str] | None = True

    _granted: tuple[object, FileAccess] | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _require_valid_tools(self) -> Self:
        self._select_tools()  # raises if there is no folder, or no such tool
        return self

    def _resolve_access(self) -> FileAccess:
        """Return the access; folders are resolved once, and again on a copy with other folders."""
        folders = (self.access, self.inputs, self.output)
        if self._granted is None or self._granted[0] != folders:
            self._granted = folders, resolve_access(*folders)
        return self._granted[1]

    def get_tools(self) -> list[BaseTool]:
        """Return the tools that the folders allow, or those of them that are selected."""
        return [tool(**self._options_of(name, tool)) for name, tool in self._select_tools().items()]

    def _select_tools(self) -> dict[str, type[BaseTool]]:
        from apertis_audio_tools.langchain import tools as offered

        access = self._resolve_access()
        reading = (offered.TranscribeAudio, offered.TranslateAudio, offered.AskAboutAudio)
        classes: tuple[type[BaseTool], ...] = (
            *(reading if access.inputs else ()),
            *((offered.SpeakText,) if access.output is not None else ()),
            *((offered.ListRecordings,) if access.inputs else ()),
        )
        tools = {_default_name(each): each for each in classes}
        selected = tools if self.selected_tools is None else self.selected_tools
        for name in (*selected, *(self.names or ()), *(self.descriptions or ())):
            if name not in tools:
                raise ConfigurationError(
                    f"There is no tool {name!r:.100}; with these folders there are: "
                    f"{', '.join(tools)}."
                )
        shown = [(self.names or {}).get(name, name) for name in dict.fromkeys(selected)]
        if len(set(shown)) < len(shown):
            raise ConfigurationError(f"Two tools would have the same name: {', '.join(shown)}.")
        return {name: tools[name] for name in selected}

    def _options_of(self, name: str, tool: type[BaseTool]) -> dict[str, Any]:
        """Return the options of one tool: all of the toolkit's that it has."""
        options: dict[str, Any] = {
            "prompt": self.prompt,
            "language": self.language,
            "temperature": self.temperature,
            "track": self.track,
            "speakers": self.speakers,
            "speaker_names": self.speaker_names,
            "channels": self.channels,
            "segments": self.segments,
            "voice": self.voice,
            "audio_format": self.audio_format,
            "speed": self.speed,
            "instructions": self.instructions,
            "max_seconds": self.ask_max_seconds,
        }
        models = {
            "speak_text": self.speech_model,
            "ask_about_audio": self.chat_model,
            "transcribe_audio": self.transcription_model,
            "translate_audio": self.transcription_model,
        }
        known = {key: value for key, value in options.items() if key in tool.model_fields}
        if name == "ask_about_audio":
            known["temperature"] = self.chat_temperature
        if name in models:
            known["model"] = models[name]
        if self.names and name in self.names:
            known["name"] = self.names[name]
        if self.descriptions and name in self.descriptions:
            known["description"] = self.descriptions[name]
        return {
            "client": self._lazy_client.client,
            "access": self._resolve_access(),
            "handle_tool_error": self.handle_tool_error,
            **known,
        }


def _default_name(tool: type[BaseTool]) -> str:
    name: str = tool.model_fields["name"].default
    return name
