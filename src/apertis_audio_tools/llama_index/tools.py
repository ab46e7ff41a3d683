"""Tools of an agent, in the shape of LlamaIndex."""

import inspect
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Unpack

from llama_index.core.tools import FunctionTool
from llama_index.core.tools.tool_spec.base import SPEC_FUNCTION_TYPE, BaseToolSpec
from llama_index.core.tools.types import ToolMetadata

from apertis_audio_tools.adapters import tools
from apertis_audio_tools.adapters.client_handle import LimitedClientOptions, hide_key
from apertis_audio_tools.api.options import TranscriptionOptions
from apertis_audio_tools.api.speakers import SpeakerSource
from apertis_audio_tools.client import ApertisAudio
from apertis_audio_tools.files.access import FileAccess, Folder, resolve_access
from apertis_audio_tools.llama_index.client_component import ClientComponent
from apertis_audio_tools.llama_index.function_tools import make_function_tool
from apertis_audio_tools.models import AUTO, MAX_ASK_SECONDS, VOICE, SpeechFormat, TrackChoice

_READING: list[SPEC_FUNCTION_TYPE] = [
    ("transcribe_audio", "atranscribe_audio"),
    ("translate_audio", "atranslate_audio"),
    ("ask_about_audio", "aask_about_audio"),
]
_WRITING: list[SPEC_FUNCTION_TYPE] = [("speak_text", "aspeak_text")]
_LISTING: list[SPEC_FUNCTION_TYPE] = [("list_recordings", "alist_recordings")]


class ApertisAudioToolSpec(BaseToolSpec):
    """Tools that list, transcribe, translate and answer questions about recordings, and speak.

    The tools access only the folders they are given. They raise an `ApertisError` whose message is
    a sentence that a model can act on; agents turn it into a result with ``is_error``.

    Examples:
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
        speakers: ``channels`` or ``tracks`` if each holds one speaker; see
            `ApertisAudio.transcribe`, as for the next two.
        speaker_names: Name for each channel or track.
        channels: Indexes of the channels.
        chat_model: Chat model that answers questions about recordings.
        ask_max_seconds: Longest recording, in seconds, that questions may be asked about: each
            question sends all of it.
        speed: Speed of speech, 0.25 to 4.
        instructions: Manner of speaking, for the models that follow instructions.
        prompt: Context of recordings, or the spelling of names and terms.
        language: ISO 639-1 code of the language spoken, if the agent passes none.
        temperature: Sampling temperature of the transcription model, 0 to 1.
        chat_temperature: Sampling temperature of the chat model, 0 to 2.
        track: Audio track of recordings with several: an index, or ``all`` to mix them.
        segments: True for the segments in the raw output of transcripts.
        audio_blocks: True to add an `AudioBlock` with the path of a new file to the output of
            `speak_text`, for language models that hear. Most classes of LlamaIndex fail on one.
            Defaults to text only, which names the file.
        client: `ApertisAudio` to use in place of the settings of one.
        settings: Settings of `ApertisAudio`, such as ``api_key``.

    Raises:
        AccessError: If a folder to read from does not exist.
        ConfigurationError: If there is no key, no folder, or a setting is invalid.
    """

    spec_functions: list[SPEC_FUNCTION_TYPE] = [*_READING, *_WRITING, *_LISTING]  # noqa: RUF012  # as its base has it

    def __init__(
        self,
        inputs: Folder | Iterable[Folder] = (),
        output: Folder | None = None,
        *,
        access: FileAccess | None = None,
        transcription_model: str = AUTO,
        speech_model: str = AUTO,
        voice: str = VOICE,
        audio_format: SpeechFormat = "mp3",
        speakers: SpeakerSource | None = None,
        speaker_names: Sequence[str] | None = None,
        channels: Sequence[int] | None = None,
        chat_model: str = AUTO,
        ask_max_seconds: float = MAX_ASK_SECONDS,
        speed: float | None = None,
        instructions: str | None = None,
        prompt: str | None = None,
        language: str | None = None,
        temperature: float | None = None,
        chat_temperature: float | None = None,
        track: TrackChoice = "default",
        segments: bool = False,
        audio_blocks: bool = False,
        client: ApertisAudio | None = None,
        **settings: Unpack[LimitedClientOptions],
    ) -> None:
        hide_key(settings)
        access = resolve_access(access, inputs, output)
        audio = ClientComponent(client=client, **settings).audio_client
        reading = TranscriptionOptions(
            model=transcription_model,
            prompt=prompt,
            temperature=temperature,
            track=track,
            speakers=speakers,
            speaker_names=speaker_names,
            channels=channels,
        )
        spoken = replace(reading, language=language)
        self._transcribe = tools.TranscribeTool(audio, access, options=spoken, segments=segments)
        self._translate = tools.TranslateTool(audio, access, options=reading, segments=segments)
        self._ask = tools.AskTool(
            audio,
            access,
            model=chat_model,
            max_seconds=ask_max_seconds,
            temperature=chat_temperature,
        )
        self._speak = tools.SpeakTool(
            audio,
            access,
            model=speech_model,
            voice=voice,
            response_format=audio_format,
            speed=speed,
            instructions=instructions,
        )
        self._list = tools.ListTool(audio, access)
        self._has_audio_blocks = audio_blocks
        named = (self._transcribe, self._translate, self._ask, self._speak, self._list)
        self._tools = {f"{prefix}{tool.name}": tool for tool in named for prefix in ("", "a")}
        self.spec_functions = [
            *(_READING if access.inputs else ()),
            *(_WRITING if access.output is not None else ()),
            *(_LISTING if access.inputs else ()),
        ]

    def transcribe_audio(
        self, path: str, language: str | None = None, start: float = 0.0
    ) -> tools.ToolResult:
        """Transcribe a recording in the language spoken, from a second on."""
        return self._transcribe.run(path=path, language=language, start=start)

    async def atranscribe_audio(
        self, path: str, language: str | None = None, start: float = 0.0
    ) -> tools.ToolResult:
        """Async version of `transcribe_audio`."""
        return await self._transcribe.arun(path=path, language=language, start=start)

    def translate_audio(self, path: str, start: float = 0.0) -> tools.ToolResult:
        """Translate a recording into English, from a second on."""
        return self._translate.run(path=path, start=start)

    async def atranslate_audio(self, path: str, start: float = 0.0) -> tools.ToolResult:
        """Async version of `translate_audio`."""
        return await self._translate.arun(path=path, start=start)

    def ask_about_audio(self, path: str, question: str) -> tools.ToolResult:
        """Answer a question about a recording."""
        return self._ask.run(path=path, question=question)

    async def aask_about_audio(self, path: str, question: str) -> tools.ToolResult:
        """Async version of `ask_about_audio`."""
        return await self._ask.arun(path=path, question=question)

    def speak_text(self, text: str, voice: str | None = None) -> tools.ToolResult:
        """Write a text as a new audio file."""
        return self._speak.run(text=text, voice=voice)

    async def aspeak_text(self, text: str, voice: str | None = None) -> tools.ToolResult:
        """Async version of `speak_text`."""
        return await self._speak.arun(text=text, voice=voice)

    def list_recordings(self, start: int = 0) -> tools.ToolResult:
        """List the recordings that the other tools can read, from a number on."""
        return self._list.run(start=start)

    async def alist_recordings(self, start: int = 0) -> tools.ToolResult:
        """Async version of `list_recordings`."""
        return await self._list.arun(start=start)

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
        mapping = func_to_metadata_mapping or {}
        return [
            made
            for function in spec_functions or self.spec_functions
            for made in self._make_tools(function, mapping)
        ]

    def _make_tools(
        self, function: SPEC_FUNCTION_TYPE, mapping: dict[str, ToolMetadata]
    ) -> list[FunctionTool]:
        names = (function,) if isinstance(function, str) else function
        tool = self._tools.get(names[0])
        if tool is None:  # a function of a subclass
            return super().to_tool_list([function], mapping)
        metadata = next((mapping[name] for name in names if name in mapping), None)
        arguments = list(inspect.signature(getattr(self, tool.name)).parameters)
        return [make_function_tool(tool, arguments, metadata, has_audio=self._has_audio_blocks)]
