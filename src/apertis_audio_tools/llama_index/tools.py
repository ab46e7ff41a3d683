"""The tools of an agent in the shape of LlamaIndex."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from llama_index.core.base.llms.types import AudioBlock, ContentBlock, TextBlock
from llama_index.core.tools import FunctionTool
from llama_index.core.tools.tool_spec.base import SPEC_FUNCTION_TYPE, BaseToolSpec
from llama_index.core.tools.types import ToolMetadata

from apertis_audio_tools.adapters import tools
from apertis_audio_tools.files.access import FileAccess, Folder, resolve_access
from apertis_audio_tools.llama_index.client_settings import ClientSettings
from apertis_audio_tools.models import (
    CHAT_MODEL,
    SPEECH_MODEL,
    TRANSCRIPTION_MODEL,
    VOICE,
    SpeechFormat,
)

_READING: list[SPEC_FUNCTION_TYPE] = [
    ("transcribe_audio", "atranscribe_audio"),
    ("translate_audio", "atranslate_audio"),
    ("ask_about_audio", "aask_about_audio"),
]
_WRITING: list[SPEC_FUNCTION_TYPE] = [("speak_text", "aspeak_text")]


class ApertisAudioToolSpec(BaseToolSpec):
    """An agent's ears and voice: transcribe, translate and ask about recordings, and speak.

    Its tools touch nothing but the folders they are given. What they raise is an `ApertisError`,
    whose message is a sentence a model can act on; agents turn it into a result with ``is_error``.

    Example:
        >>> from apertis_audio_tools.llama_index import ApertisAudioToolSpec
        >>> tools = ApertisAudioToolSpec("recordings", output="spoken").to_tool_list()

    Args:
        inputs: A folder, or several, whose files may be read; without it, there are no tools that
            read.
        output: The folder for new files; without it, there is no tool that speaks.
        access: Instead of both; it can have a limit of size, too.
        transcription_model: That transcribes and translates.
        speech_model: That speaks.
        voice: That it speaks with unless the agent wants another.
        audio_format: Of the files it makes: mp3, opus, aac, flac or wav.
        chat_model: That hears and answers.
        ask_max_seconds: The longest recording it is asked about, all of which it reads anew with
            each question.
        settings: ``client``, an `ApertisAudio`, or settings for one, such as ``api_key``.

    Raises:
        AccessError: A folder to read from is not there.
        ConfigurationError: No key, no folder, or a setting that cannot be.
    """

    spec_functions: list[SPEC_FUNCTION_TYPE] = [*_READING, *_WRITING]  # noqa: RUF012  # as its base has it

    def __init__(
        self,
        inputs: Folder | Iterable[Folder] = (),
        output: Folder | None = None,
        *,
        access: FileAccess | None = None,
        transcription_model: str = TRANSCRIPTION_MODEL,
        speech_model: str = SPEECH_MODEL,
        voice: str = VOICE,
        audio_format: SpeechFormat = "mp3",
        chat_model: str = CHAT_MODEL,
        ask_max_seconds: float = tools.MAX_ASK_SECONDS,
        **settings: Any,
    ) -> None:
        access = resolve_access(access, inputs, output)
        audio = ClientSettings(**settings).audio
        self._transcribe = tools.TranscribeTool(audio, access, model=transcription_model)
        self._translate = tools.TranslateTool(audio, access, model=transcription_model)
        self._ask = tools.AskTool(audio, access, model=chat_model, max_seconds=ask_max_seconds)
        self._speak = tools.SpeakTool(
            audio, access, model=speech_model, voice=voice, response_format=audio_format
        )
        self.spec_functions = [
            *(_READING if access.inputs else ()),
            *(_WRITING if access.output is not None else ()),
        ]

    def transcribe_audio(self, **arguments: Any) -> list[ContentBlock]:
        """What is said in a recording: ``path``, and perhaps ``language`` and ``start``."""
        return _blocks(self._transcribe.run(**arguments))

    async def atranscribe_audio(self, **arguments: Any) -> list[ContentBlock]:
        """The same."""
        return _blocks(await self._transcribe.arun(**arguments))

    def translate_audio(self, **arguments: Any) -> list[ContentBlock]:
        """What is said in a recording, in English: ``path``, and perhaps ``start``."""
        return _blocks(self._translate.run(**arguments))

    async def atranslate_audio(self, **arguments: Any) -> list[ContentBlock]:
        """The same."""
        return _blocks(await self._translate.arun(**arguments))

    def ask_about_audio(self, **arguments: Any) -> list[ContentBlock]:
        """An answer about a clip: ``path`` and ``question``."""
        return _blocks(self._ask.run(**arguments))

    async def aask_about_audio(self, **arguments: Any) -> list[ContentBlock]:
        """The same."""
        return _blocks(await self._ask.arun(**arguments))

    def speak_text(self, **arguments: Any) -> list[ContentBlock]:
        """A new audio file, told of in text and as a block: ``text``, and perhaps ``voice``."""
        return _spoken(self._speak.run(**arguments))

    async def aspeak_text(self, **arguments: Any) -> list[ContentBlock]:
        """The same."""
        return _spoken(await self._speak.arun(**arguments))

    def to_tool_list(
        self,
        spec_functions: list[SPEC_FUNCTION_TYPE] | None = None,
        func_to_metadata_mapping: dict[str, ToolMetadata] | None = None,
    ) -> list[FunctionTool]:
        """The tools, with the descriptions and schemas that are declared for them.

        Args:
            spec_functions: Which of them; without it, all that the folders allow.
            func_to_metadata_mapping: Other metadata for some, by the name of their function.
        """
        mapping = {**self._metadata(), **(func_to_metadata_mapping or {})}
        return super().to_tool_list(spec_functions, mapping)

    def _metadata(self) -> dict[str, ToolMetadata]:
        declared = {}
        for tool in (self._transcribe, self._translate, self._ask, self._speak):
            declared[tool.name] = declared[f"a{tool.name}"] = ToolMetadata(
                name=tool.name, description=tool.description, fn_schema=tool.arguments
            )
        return declared


def _blocks(outcome: tools.ToolResult) -> list[ContentBlock]:
    return [TextBlock(text=outcome.text)]


def _spoken(outcome: tools.ToolResult) -> list[ContentBlock]:
    path = Path(outcome.artifact["path"])
    return [*_blocks(outcome), AudioBlock(path=path, format=path.suffix.removeprefix("."))]
