"""The tools of an agent, as LangChain tools."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal, Self

from langchain_core.tools import ArgsSchema, BaseTool
from pydantic import ConfigDict, Field, PrivateAttr, model_validator

from apertis_audio_tools.adapters.client_handle import STRICT_CONFIG
from apertis_audio_tools.adapters.tools import (
    AskTool,
    AudioTool,
    ListTool,
    SpeakTool,
    ToolResult,
    TranscribeTool,
    TranscriptMemory,
    TranslateTool,
)
from apertis_audio_tools.api.options import TranscriptionOptions
from apertis_audio_tools.api.speakers import SpeakerSource
from apertis_audio_tools.errors import ApertisError
from apertis_audio_tools.files.access import FileAccess
from apertis_audio_tools.langchain.client_fields import CachingClientFields
from apertis_audio_tools.langchain.model_errors import as_tool_exception
from apertis_audio_tools.langchain.stream_events import stream_progress
from apertis_audio_tools.models import AUTO, MAX_ASK_SECONDS, VOICE, SpeechFormat, TrackChoice

ContentAndArtifact = tuple[str, dict[str, Any]]
"""Text for the model, and the artifact for the program."""


class _Tool(CachingClientFields, BaseTool):
    """Wraps an `AudioTool`; failures become sentences for the model."""

    model_config: ClassVar[ConfigDict] = STRICT_CONFIG

    response_format: Literal["content", "content_and_artifact"] = "content_and_artifact"
    handle_tool_error: bool | str | Callable[..., str] | None = True
    handle_validation_error: bool | str | Callable[..., str] | None = Field(
        default=None, repr=False
    )
    access: FileAccess = Field(frozen=True, exclude=True, repr=False)

    @model_validator(mode="after")
    def _require_valid_tool(self) -> Self:
        tool = self._make_tool()  # raises if a setting is invalid
        if self.handle_validation_error is None:
            self.handle_validation_error = tool.describe_error
        return self

    @abstractmethod
    def _make_tool(self) -> AudioTool:
        """Return the wrapped tool, with the current settings."""

    def _run(self, *args: object, **kwargs: object) -> ContentAndArtifact:
        tool = self._make_tool()
        try:
            return _content_and_artifact(tool.run(**_name_arguments(tool, args), **kwargs))
        except ApertisError as error:
            raise as_tool_exception(error) from error

    async def _arun(self, *args: object, **kwargs: object) -> ContentAndArtifact:
        tool = self._make_tool()
        try:
            return _content_and_artifact(await tool.arun(**_name_arguments(tool, args), **kwargs))
        except ApertisError as error:
            raise as_tool_exception(error) from error


def _name_arguments(tool: AudioTool, args: tuple[object, ...]) -> dict[str, object]:
    """Return positional arguments by name: a tool invoked with a string gets it unnamed."""
    return dict(zip(tool.arguments.model_fields, args, strict=False))


def _content_and_artifact(result: ToolResult) -> ContentAndArtifact:
    return result.text, result.artifact


class _TranscriptReader(_Tool):
    """A tool that reads on in a transcript it already has."""

    model: str = Field(default=AUTO, frozen=True)
    prompt: str | None = Field(default=None, frozen=True)
    temperature: float | None = Field(default=None, frozen=True)
    track: TrackChoice = Field(default="default", frozen=True)
    speakers: SpeakerSource | None = Field(default=None, frozen=True)
    speaker_names: Sequence[str] | None = Field(default=None, frozen=True)
    channels: Sequence[int] | None = Field(default=None, frozen=True)
    segments: bool = Field(default=False, frozen=True)
    _memory: TranscriptMemory = PrivateAttr(default_factory=TranscriptMemory)

    @property
    def _options(self) -> TranscriptionOptions:
        return TranscriptionOptions(
            model=self.model,
            prompt=self.prompt,
            temperature=self.temperature,
            track=self.track,
            speakers=self.speakers,
            speaker_names=self.speaker_names,
            channels=self.channels,
        )


class TranscribeAudio(_TranscriptReader):
    """Tool that transcribes a recording for an agent, with times; long ones in several calls.

    Invoked with a ``ToolCall`` it returns a ``ToolMessage`` whose ``artifact`` has ``path``,
    ``transcript``, ``start`` and ``end`` of the part that was read, ``duration`` of the recording
    in seconds, ``language``, ``model``, ``task`` and ``usage``. While a graph is running, each
    piece that is transcribed is an event of its stream ``custom``, with ``tool``, ``path``,
    ``seconds`` and ``duration``.

    Examples:
        >>> from apertis_audio_tools import FileAccess
        >>> from apertis_audio_tools.langchain import TranscribeAudio
        >>> tool = TranscribeAudio(access=FileAccess("recordings"))
        >>> print(tool.invoke({"path": "standup.ogg"}))

    Args:
        access: Folders that may be read.
        model: Transcription model.
        prompt: Context, or the spelling of names and terms.
        language: ISO 639-1 code of the language spoken, if the agent passes none.
        temperature: Sampling temperature, 0 to 1.
        track: Audio track of recordings with several: an index, or ``all`` to mix them.
        speakers: ``channels`` or ``tracks`` if each holds one speaker; see
            `ApertisAudio.transcribe`, as for the next two.
        speaker_names: Name for each channel or track.
        channels: Indexes of the channels.
        segments: True for the segments of the part in the artifact as well.
        client: `ApertisAudio` to share. Defaults to a client of the tool's own, whose settings,
            such as ``api_key`` or ``cache``, are accepted as well.

    Raises:
        ConfigurationError: If there is no API key, or a setting is invalid.
    """

    name: str = TranscribeTool.name
    description: str = TranscribeTool.description
    args_schema: ArgsSchema | None = TranscribeTool.arguments
    language: str | None = Field(default=None, frozen=True)

    def _make_tool(self) -> AudioTool:
        return TranscribeTool(
            self._lazy_client.client,
            self.access,
            options=replace(self._options, language=self.language),
            memory=self._memory,
            segments=self.segments,
            report=stream_progress,
        )


class TranslateAudio(_TranscriptReader):
    """Tool that translates a recording into English for an agent; see `TranscribeAudio`.

    Examples:
        >>> from apertis_audio_tools import FileAccess
        >>> from apertis_audio_tools.langchain import TranslateAudio
        >>> tool = TranslateAudio(access=FileAccess("recordings"))
        >>> print(tool.invoke({"path": "standup.ogg"}))
    """

    name: str = TranslateTool.name
    description: str = TranslateTool.description
    args_schema: ArgsSchema | None = TranslateTool.arguments

    def _make_tool(self) -> AudioTool:
        return TranslateTool(
            self._lazy_client.client,
            self.access,
            options=self._options,
            memory=self._memory,
            segments=self.segments,
            report=stream_progress,
        )


class SpeakText(_Tool):
    """Tool that speaks a text for an agent, into a new file of the output folder.

    Invoked with a ``ToolCall`` it returns a ``ToolMessage`` whose ``artifact`` has ``path``,
    ``media_type``, ``duration`` in seconds, ``size`` in bytes and ``transcript``.

    Examples:
        >>> from apertis_audio_tools import FileAccess
        >>> from apertis_audio_tools.langchain import SpeakText
        >>> tool = SpeakText(access=FileAccess(output="spoken"), voice="nova")
        >>> print(tool.invoke({"text": "The release moves to Thursday."}))

    Args:
        access: Folder for new files.
        model: Speech model.
        voice: Default voice; the agent may choose another.
        audio_format: Format of the files: mp3, opus, aac, flac or wav.
        speed: Speed of speech, 0.25 to 4.
        instructions: Manner of speaking, for the models that follow instructions.
        client: See `TranscribeAudio`, also for the settings in its place.

    Raises:
        ConfigurationError: If there is no API key, or a setting is invalid.
    """

    name: str = SpeakTool.name
    description: str = SpeakTool.description
    args_schema: ArgsSchema | None = SpeakTool.arguments
    model: str = Field(default=AUTO, frozen=True)
    voice: str = Field(default=VOICE, frozen=True)
    audio_format: SpeechFormat = Field(default="mp3", frozen=True)
    speed: float | None = Field(default=None, frozen=True)
    instructions: str | None = Field(default=None, frozen=True)

    def _make_tool(self) -> AudioTool:
        return SpeakTool(
            self._lazy_client.client,
            self.access,
            model=self.model,
            voice=self.voice,
            response_format=self.audio_format,
            speed=self.speed,
            instructions=self.instructions,
        )


class AskAboutAudio(_Tool):
    """Tool that asks a chat model that accepts audio about a clip of a few minutes.

    Examples:
        >>> from apertis_audio_tools import FileAccess
        >>> from apertis_audio_tools.langchain import AskAboutAudio
        >>> tool = AskAboutAudio(access=FileAccess("recordings"))
        >>> print(tool.invoke({"path": "standup.ogg", "question": "Who speaks?"}))

    Args:
        access: Folders that may be read.
        model: Chat model that accepts audio.
        max_seconds: Longest clip, in seconds; each question sends all of it again.
        temperature: Sampling temperature, 0 to 2.
        client: See `TranscribeAudio`, also for the settings in its place.

    Raises:
        ConfigurationError: If there is no API key, or a setting is invalid.
    """

    name: str = AskTool.name
    description: str = AskTool.description
    args_schema: ArgsSchema | None = AskTool.arguments
    model: str = Field(default=AUTO, frozen=True)
    max_seconds: float = Field(default=MAX_ASK_SECONDS, frozen=True)
    temperature: float | None = Field(default=None, frozen=True)

    def _make_tool(self) -> AudioTool:
        return AskTool(
            self._lazy_client.client,
            self.access,
            model=self.model,
            max_seconds=self.max_seconds,
            temperature=self.temperature,
        )


class ListRecordings(_Tool):
    """Tool that lists the recordings that an agent may read, with their lengths.

    Invoked with a ``ToolCall`` it returns a ``ToolMessage`` whose ``artifact`` has ``recordings``,
    each with ``path`` and ``duration`` in seconds, ``start`` and ``total``.

    Examples:
        >>> from apertis_audio_tools import FileAccess
        >>> from apertis_audio_tools.langchain import ListRecordings
        >>> tool = ListRecordings(access=FileAccess("recordings"))
        >>> print(tool.invoke({}))

    Args:
        access: Folders that may be read.
        client: See `TranscribeAudio`, also for the settings in its place. Nothing is sent.

    Raises:
        ConfigurationError: If there is no API key, or a setting is invalid.
    """

    name: str = ListTool.name
    description: str = ListTool.description
    args_schema: ArgsSchema | None = ListTool.arguments

    def _make_tool(self) -> AudioTool:
        return ListTool(self._lazy_client.client, self.access)
