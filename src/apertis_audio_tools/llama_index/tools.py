"""Tools of an agent, in the shape of LlamaIndex."""

from collections.abc import Iterable
from pathlib import Path
from typing import Unpack

from llama_index.core.base.llms.types import AudioBlock, ContentBlock, TextBlock
from llama_index.core.tools import FunctionTool
from llama_index.core.tools.tool_spec.base import SPEC_FUNCTION_TYPE, BaseToolSpec
from llama_index.core.tools.types import ToolMetadata

from apertis_audio_tools.adapters import tools
from apertis_audio_tools.adapters.client_handle import ClientOptions, hide_key
from apertis_audio_tools.api.options import TranscriptionOptions
from apertis_audio_tools.client import ApertisAudio
from apertis_audio_tools.files.access import FileAccess, Folder, resolve_access
from apertis_audio_tools.llama_index.client_component import ClientComponent
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
    """Tools that transcribe, translate and answer questions about recordings, and that speak.

    The tools access only the folders they are given. They raise an `ApertisError` whose message is
    a sentence that a model can act on; agents turn it into a result with ``is_error``.

    Example:
        >>> from apertis_audio_tools.llama_index import ApertisAudioToolSpec
        >>> tools = ApertisAudioToolSpec("recordings", output="spoken").to_tool_list()

    Args:
        inputs: Folder, or several, whose files may be read. Without it, no tool reads.
        output: Folder for new files. Without it, no tool speaks.
        access: `FileAccess` to use in place of both; it can limit the size of files as well.
        transcription_model: Model that transcribes and translates.
        speech_model: Model that speaks.
        voice: Default voice; the agent may choose another.
        audio_format: Audio format of new files: mp3, opus, aac, flac or wav.
        chat_model: Chat model that answers questions about recordings.
        ask_max_seconds: Longest recording, in seconds, that questions may be asked about: each
            question sends all of it.
        client: `ApertisAudio` to use in place of the settings of one.
        settings: Settings of `ApertisAudio`, such as ``api_key``.

    Raises:
        AccessError: If a folder to read from does not exist.
        ConfigurationError: If there is no key, no folder, or a setting is invalid.
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
        client: ApertisAudio | None = None,
        **settings: Unpack[ClientOptions],
    ) -> None:
        hide_key(settings)
        access = resolve_access(access, inputs, output)
        audio = ClientComponent(client=client, **settings).audio
        reading = TranscriptionOptions(model=transcription_model)
        self._transcribe = tools.TranscribeTool(audio, access, options=reading)
        self._translate = tools.TranslateTool(audio, access, options=reading)
        self._ask = tools.AskTool(audio, access, model=chat_model, max_seconds=ask_max_seconds)
        self._speak = tools.SpeakTool(
            audio, access, model=speech_model, voice=voice, response_format=audio_format
        )
        self.spec_functions = [
            *(_READING if access.inputs else ()),
            *(_WRITING if access.output is not None else ()),
        ]

    # The arguments are checked against the schemas of the tools, whose errors models can act on.

    def transcribe_audio(self, **arguments: object) -> list[ContentBlock]:
        """Transcribe a recording: ``path``, and optionally ``language`` and ``start``."""
        return _blocks(self._transcribe.run(**arguments))

    async def atranscribe_audio(self, **arguments: object) -> list[ContentBlock]:
        """Async version of `transcribe_audio`."""
        return _blocks(await self._transcribe.arun(**arguments))

    def translate_audio(self, **arguments: object) -> list[ContentBlock]:
        """Translate a recording into English: ``path``, and optionally ``start``."""
        return _blocks(self._translate.run(**arguments))

    async def atranslate_audio(self, **arguments: object) -> list[ContentBlock]:
        """Async version of `translate_audio`."""
        return _blocks(await self._translate.arun(**arguments))

    def ask_about_audio(self, **arguments: object) -> list[ContentBlock]:
        """Answer a question about a recording: ``path`` and ``question``."""
        return _blocks(self._ask.run(**arguments))

    async def aask_about_audio(self, **arguments: object) -> list[ContentBlock]:
        """Async version of `ask_about_audio`."""
        return _blocks(await self._ask.arun(**arguments))

    def speak_text(self, **arguments: object) -> list[ContentBlock]:
        """Write a text as a new audio file: ``text``, and optionally ``voice``."""
        return _speech_blocks(self._speak.run(**arguments))

    async def aspeak_text(self, **arguments: object) -> list[ContentBlock]:
        """Async version of `speak_text`."""
        return _speech_blocks(await self._speak.arun(**arguments))

    def to_tool_list(
        self,
        spec_functions: list[SPEC_FUNCTION_TYPE] | None = None,
        func_to_metadata_mapping: dict[str, ToolMetadata] | None = None,
    ) -> list[FunctionTool]:
        """Return the tools, with their own descriptions and schemas.

        Args:
            spec_functions: Functions to return. Defaults to all that the folders allow.
            func_to_metadata_mapping: Metadata to use instead, by the name of the function.
        """
        mapping = {**self._metadata(), **(func_to_metadata_mapping or {})}
        return super().to_tool_list(spec_functions, mapping)

    def _metadata(self) -> dict[str, ToolMetadata]:
        metadata = [
            ToolMetadata(name=tool.name, description=tool.description, fn_schema=tool.arguments)
            for tool in (self._transcribe, self._translate, self._ask, self._speak)
        ]
        return {f"{prefix}{each.name}": each for each in metadata for prefix in ("", "a")}


def _blocks(result: tools.ToolResult) -> list[ContentBlock]:
    return [TextBlock(text=result.text)]


def _speech_blocks(result: tools.ToolResult) -> list[ContentBlock]:
    path = Path(result.artifact["path"])
    return [*_blocks(result), AudioBlock(path=path, format=path.suffix.removeprefix("."))]
