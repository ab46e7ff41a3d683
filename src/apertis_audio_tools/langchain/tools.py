"""The tools of an agent, on the declarations that both frameworks share."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from langchain_core.tools import ArgsSchema, BaseTool, ToolException
from pydantic import Field, PrivateAttr, model_validator

from apertis_audio_tools.adapters.tools import (
    MAX_ASK_SECONDS,
    AskTool,
    AudioTool,
    SpeakTool,
    ToolResult,
    TranscribeTool,
    TranscriptMemory,
    TranslateTool,
)
from apertis_audio_tools.errors import ApertisError
from apertis_audio_tools.files.access import FileAccess
from apertis_audio_tools.langchain.client_fields import STRICT_CONFIG, CachingClientFields
from apertis_audio_tools.models import CHAT_MODEL, SPEECH_MODEL, TRANSCRIPTION_MODEL, VOICE

ToolAnswer = tuple[str, dict[str, Any]]
"""What a model reads, and the artifact for the program."""


class _Tool(CachingClientFields, BaseTool):
    """A declared tool in the shape of LangChain; failures become sentences for the model."""

    model_config = STRICT_CONFIG

    response_format: Literal["content", "content_and_artifact"] = "content_and_artifact"
    handle_tool_error: Any = True
    handle_validation_error: Any = Field(default=None, repr=False)
    access: FileAccess = Field(frozen=True, exclude=True, repr=False)

    _DECLARATION: ClassVar[type[AudioTool]]
    _TAKES: ClassVar[Mapping[str, str]] = {"model": "model"}
    """What the declaration takes besides the client and the folders, and the fields it is in."""

    @model_validator(mode="after")
    def _declared(self) -> Self:
        if self.handle_validation_error is None:
            self.handle_validation_error = self._DECLARATION.describe_error
        _ = self._tool  # so that settings that cannot be are found now
        return self

    @property
    def _tool(self) -> AudioTool:
        return self._DECLARATION(self._audio, self.access, **self._options())

    def _options(self) -> dict[str, Any]:
        return {name: getattr(self, field) for name, field in self._TAKES.items()}

    def _run(self, *args: Any, **given: Any) -> ToolAnswer:
        try:
            return _answer(self._tool.run(**self._named(args), **given))
        except ApertisError as error:
            raise ToolException(str(error)) from error

    async def _arun(self, *args: Any, **given: Any) -> ToolAnswer:
        try:
            return _answer(await self._tool.arun(**self._named(args), **given))
        except ApertisError as error:
            raise ToolException(str(error)) from error

    def _named(self, args: tuple[Any, ...]) -> dict[str, Any]:
        """A tool that is called with a mere string gets it without its name."""
        return dict(zip(self._DECLARATION.arguments.model_fields, args, strict=False))


def _answer(outcome: ToolResult) -> ToolAnswer:
    return outcome.text, outcome.artifact


class _Reader(_Tool):
    """Reads on in what it has heard already."""

    model: str = Field(default=TRANSCRIPTION_MODEL, frozen=True)
    _memory: TranscriptMemory = PrivateAttr(default_factory=TranscriptMemory)

    def _options(self) -> dict[str, Any]:
        return {**super()._options(), "memory": self._memory}


class TranscribeAudio(_Reader):
    """Lets an agent read what is said in a recording, with times; long ones in several turns.

    Called with a ``ToolCall`` it gives a ``ToolMessage`` whose ``artifact`` has ``path``,
    ``duration`` in seconds, ``language``, ``transcript``, ``segments``, ``model`` and ``usage``.

    Example:
        >>> from apertis_audio_tools import FileAccess
        >>> from apertis_audio_tools.langchain import TranscribeAudio
        >>> tool = TranscribeAudio(access=FileAccess("recordings"))
        >>> print(tool.invoke({"path": "standup.ogg"}))

    Args:
        access: The folders that may be read.
        model: A transcription model.
        client: An `ApertisAudio` to share. Without it, one of its own, with the settings
            ``api_key``, ``base_url``, ``timeout``, ``deadline``, ``max_retries``, ``max_wait``,
            ``max_concurrency``, ``requests_per_minute``, ``cache`` and ``models``.

    Raises:
        ConfigurationError: No key, or a setting that cannot be.
    """

    name: str = TranscribeTool.name
    description: str = TranscribeTool.description
    args_schema: ArgsSchema | None = TranscribeTool.arguments

    _DECLARATION: ClassVar[type[AudioTool]] = TranscribeTool


class TranslateAudio(_Reader):
    """Lets an agent read in English what is said in a recording; all else as `TranscribeAudio`.

    Example:
        >>> from apertis_audio_tools import FileAccess
        >>> from apertis_audio_tools.langchain import TranslateAudio
        >>> tool = TranslateAudio(access=FileAccess("recordings"))
        >>> print(tool.invoke({"path": "standup.ogg"}))
    """

    name: str = TranslateTool.name
    description: str = TranslateTool.description
    args_schema: ArgsSchema | None = TranslateTool.arguments

    _DECLARATION: ClassVar[type[AudioTool]] = TranslateTool


class SpeakText(_Tool):
    """Lets an agent say something aloud: a new file in the output folder, under a name of ours.

    Called with a ``ToolCall`` it gives a ``ToolMessage`` whose ``artifact`` has ``path``,
    ``media_type``, ``duration`` in seconds, ``size`` in bytes and ``transcript``.

    Example:
        >>> from apertis_audio_tools import FileAccess
        >>> from apertis_audio_tools.langchain import SpeakText
        >>> tool = SpeakText(access=FileAccess(output="spoken"), voice="nova")
        >>> print(tool.invoke({"text": "The release moves to Thursday."}))

    Args:
        access: The folder for new files.
        model: A speech model.
        voice: Unless the agent asks for another.
        audio_format: Of the files: mp3, opus, aac, flac or wav.
        client: As in `TranscribeAudio`, with the same settings.

    Raises:
        ConfigurationError: No key, or a setting that cannot be.
    """

    name: str = SpeakTool.name
    description: str = SpeakTool.description
    args_schema: ArgsSchema | None = SpeakTool.arguments
    model: str = Field(default=SPEECH_MODEL, frozen=True)
    voice: str = Field(default=VOICE, frozen=True)
    audio_format: str = Field(default="mp3", frozen=True)

    _DECLARATION: ClassVar[type[AudioTool]] = SpeakTool
    _TAKES: ClassVar[Mapping[str, str]] = {
        "model": "model",
        "voice": "voice",
        "response_format": "audio_format",
    }


class AskAboutAudio(_Tool):
    """Lets an agent that cannot hear ask a model that can about a clip of a few minutes.

    Example:
        >>> from apertis_audio_tools import FileAccess
        >>> from apertis_audio_tools.langchain import AskAboutAudio
        >>> tool = AskAboutAudio(access=FileAccess("recordings"))
        >>> print(tool.invoke({"path": "standup.ogg", "question": "Who speaks?"}))

    Args:
        access: The folders that may be read.
        model: A chat model that hears.
        max_seconds: Longer recordings are refused, as each question has all of it read anew.
        client: As in `TranscribeAudio`, with the same settings.

    Raises:
        ConfigurationError: No key, or a setting that cannot be.
    """

    name: str = AskTool.name
    description: str = AskTool.description
    args_schema: ArgsSchema | None = AskTool.arguments
    model: str = Field(default=CHAT_MODEL, frozen=True)
    max_seconds: float = Field(default=MAX_ASK_SECONDS, frozen=True)

    _DECLARATION: ClassVar[type[AudioTool]] = AskTool
    _TAKES: ClassVar[Mapping[str, str]] = {"model": "model", "max_seconds": "max_seconds"}
