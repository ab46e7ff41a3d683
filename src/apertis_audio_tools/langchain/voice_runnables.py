"""Runnables at the ends of a voice chain: recordings become text, and text becomes audio."""

import contextlib
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack
from typing import Any, ClassVar, cast

from langchain_core.document_loaders import Blob
from langchain_core.messages import BaseMessage
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables import RunnableConfig, RunnableSerializable
from pydantic import ConfigDict, Field

from apertis_audio_tools.adapters.client_handle import STRICT_CONFIG
from apertis_audio_tools.api.options import SpeechOptions, TranscriptionOptions
from apertis_audio_tools.audio import Source, is_named_source
from apertis_audio_tools.errors import UnsupportedError
from apertis_audio_tools.files.access import FileAccess
from apertis_audio_tools.langchain.audio_blocks import AudioBlock
from apertis_audio_tools.langchain.blobs import source_of
from apertis_audio_tools.langchain.client_fields import CachingClientFields, CheckedClientFields
from apertis_audio_tools.langchain.model_errors import raising_model_errors
from apertis_audio_tools.models import AUTO, VOICE, SpeechFormat, Task, TrackChoice

_SOURCE_TYPES = (str, os.PathLike, bytes, bytearray, memoryview)


class TranscribeRunnable(CachingClientFields, RunnableSerializable[Any, str]):
    """Returns the words of a recording, as the first step of a voice chain.

    Its input is a path, bytes, a pair of name and bytes, an open file, a `Blob`, a content block
    with audio, or a message whose only audio is such a block.

    Examples:
        >>> from apertis_audio_tools.langchain import (
        ...     ChatApertisAudio, SpeakRunnable, TranscribeRunnable
        ... )
        >>> chain = TranscribeRunnable() | ChatApertisAudio() | SpeakRunnable()
        >>> for sound in chain.stream("standup.ogg"):
        ...     print(len(sound))

    Args:
        task: ``transcribe``, or ``translate`` into English.
        model: Transcription model.
        language: ISO 639-1 code of the language spoken.
        prompt: Context, or the spelling of names and terms.
        temperature: Sampling temperature, 0 to 1.
        track: Audio track of a recording with several: an index, or ``all`` to mix them.
        file_access: Files that may be read. Defaults to any for a path, and to none for the path in
            a content block.
        client: `ApertisAudio` to share. Defaults to a client of the runnable's own, whose settings,
            such as ``api_key`` or ``cache``, are accepted as well.

    Raises:
        ConfigurationError: If there is no API key, or a setting is invalid.
        ApertisError: If the recording cannot be read, or a request fails. All errors of a call are
            also the matching class of LangChain's own.
    """

    model_config: ClassVar[ConfigDict] = STRICT_CONFIG

    task: Task = "transcribe"
    model: str = AUTO
    language: str | None = None
    prompt: str | None = None
    temperature: float | None = None
    track: TrackChoice = "default"
    file_access: FileAccess | None = Field(default=None, exclude=True, repr=False)

    def invoke(self, input: Any, config: RunnableConfig | None = None, **_: Any) -> str:  # noqa: A002
        """Return the words of a recording."""
        return self._call_with_config(self._transcribe, input, config)

    async def ainvoke(
        self,
        input: Any,  # noqa: A002
        config: RunnableConfig | None = None,
        **_: Any,
    ) -> str:
        """Async version of `invoke`."""
        return await self._acall_with_config(self._atranscribe, input, config)

    def _transcribe(self, value: Any) -> str:
        with raising_model_errors(), ExitStack() as files:
            source = _source(value, self.file_access, files)
            return self._lazy_client.client.transcribe_with(source, self._options).text.strip()

    async def _atranscribe(self, value: Any) -> str:
        with raising_model_errors(), ExitStack() as files:
            source = _source(value, self.file_access, files)
            transcript = await self._lazy_client.client.atranscribe_with(source, self._options)
            return transcript.text.strip()

    @property
    def _options(self) -> TranscriptionOptions:
        return TranscriptionOptions(
            task=self.task,
            model=self.model,
            language=self.language,
            prompt=self.prompt,
            temperature=self.temperature,
            track=self.track,
        )


class SpeakRunnable(CheckedClientFields, RunnableSerializable[Any, bytes]):
    """Speaks text, as the last step of a voice chain.

    Its input is a text, a message or a prompt. In a stream it speaks sentence by sentence, so that
    the first bytes come while a model before it is still writing.

    Examples:
        >>> from langchain_core.prompts import PromptTemplate
        >>> from apertis_audio_tools.langchain import ChatApertisAudio, SpeakRunnable
        >>> chain = PromptTemplate.from_template("Explain {thing}.") | ChatApertisAudio()
        >>> with open("tides.mp3", "wb") as file:
        ...     file.writelines((chain | SpeakRunnable()).stream({"thing": "the tides"}))

    Args:
        model: Speech model.
        voice: Voice.
        audio_format: Format of the audio: mp3, opus, aac, flac, wav or pcm.
        speed: Speed of speech, 0.25 to 4.
        instructions: Manner of speaking, for the models that follow instructions.
        client: See `TranscribeRunnable`.

    Raises:
        ConfigurationError: If there is no API key, or a setting is invalid.
        ApertisError: If a request fails. All errors of a call are also the matching class of
            LangChain's own.
    """

    model_config: ClassVar[ConfigDict] = STRICT_CONFIG

    model: str = AUTO
    voice: str = VOICE
    audio_format: SpeechFormat = "mp3"
    speed: float | None = None
    instructions: str | None = None

    def invoke(self, input: Any, config: RunnableConfig | None = None, **_: Any) -> bytes:  # noqa: A002
        """Return the audio of a text."""
        return self._call_with_config(self._speak, input, config)

    async def ainvoke(
        self,
        input: Any,  # noqa: A002
        config: RunnableConfig | None = None,
        **_: Any,
    ) -> bytes:
        """Async version of `invoke`."""
        return await self._acall_with_config(self._aspeak, input, config)

    def stream(
        self,
        input: Any,  # noqa: A002
        config: RunnableConfig | None = None,
        **_: Any,
    ) -> Iterator[bytes]:
        """Yield the audio of a text as it comes."""
        yield from self.transform(iter([input]), config)

    async def astream(
        self,
        input: Any,  # noqa: A002
        config: RunnableConfig | None = None,
        **_: Any,
    ) -> AsyncIterator[bytes]:
        """Async version of `stream`."""

        async def one() -> AsyncIterator[Any]:
            yield input

        async for chunk in self.atransform(one(), config):
            yield chunk

    def transform(
        self,
        input: Iterator[Any],  # noqa: A002
        config: RunnableConfig | None = None,
        **_: Any,
    ) -> Iterator[bytes]:
        """Yield the audio of a text that comes in pieces, sentence by sentence."""
        yield from self._transform_stream_with_config(input, self._stream, config)

    async def atransform(
        self,
        input: AsyncIterator[Any],  # noqa: A002
        config: RunnableConfig | None = None,
        **_: Any,
    ) -> AsyncIterator[bytes]:
        """Async version of `transform`."""
        async for chunk in self._atransform_stream_with_config(input, self._astream, config):
            yield chunk

    def _speak(self, value: Any) -> bytes:
        with raising_model_errors():
            return self._lazy_client.client.speak_with(_text(value), self._options).audio

    async def _aspeak(self, value: Any) -> bytes:
        with raising_model_errors():
            speech = await self._lazy_client.client.aspeak_with(_text(value), self._options)
            return speech.audio

    def _stream(self, pieces: Iterator[Any]) -> Iterator[bytes]:
        with raising_model_errors():
            client = self._lazy_client.client
            stream = client.stream_speech(map(_text, pieces), **self._arguments)
            with contextlib.closing(cast("Any", stream)):
                yield from stream

    async def _astream(self, pieces: AsyncIterator[Any]) -> AsyncIterator[bytes]:
        async def texts() -> AsyncIterator[str]:
            async for piece in pieces:
                yield _text(piece)

        with raising_model_errors():
            client = self._lazy_client.client
            stream = client.astream_speech(texts(), **self._arguments)
            async with contextlib.aclosing(cast("Any", stream)):
                async for chunk in stream:
                    yield chunk

    @property
    def _options(self) -> SpeechOptions:
        return SpeechOptions(**self._arguments)

    @property
    def _arguments(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "voice": self.voice,
            "response_format": self.audio_format,
            "speed": self.speed,
            "instructions": self.instructions,
        }


def _text(value: object) -> str:
    """Return the text of a message or a prompt, or a text as it is."""
    if isinstance(value, BaseMessage):
        return str(value.text)
    if isinstance(value, PromptValue):
        return value.to_string()
    if isinstance(value, str):
        return value
    raise UnsupportedError(f"A {type(value).__name__} cannot be spoken; pass a text or a message.")


def _source(value: Any, access: FileAccess | None, files: ExitStack) -> Source:
    """Return a source of the client for any form of a recording."""
    if isinstance(value, Blob):
        return source_of(value)
    if isinstance(value, BaseMessage):
        value = _only_audio(value)
    audio = AudioBlock.read(value)
    if audio is not None:
        return cast("Source", audio.clip(access, files)["input_audio"]["data"])
    if access is not None and isinstance(value, str | os.PathLike):
        return files.enter_context(access.reading(os.fspath(value)))
    is_source = isinstance(value, _SOURCE_TYPES) or hasattr(value, "read")
    if is_source or is_named_source(value):
        return cast("Source", value)
    kind = "block" if isinstance(value, Mapping) else type(value).__name__
    raise UnsupportedError(f"A {kind} cannot be transcribed; pass a recording.")


def _only_audio(message: BaseMessage) -> object:
    blocks = message.content if isinstance(message.content, list) else []
    found = [block for block in blocks if AudioBlock.read(block) is not None]
    if len(found) != 1:
        raise UnsupportedError(
            f"A message to transcribe has one block with audio; this one has {len(found)}."
        )
    return found[0]
