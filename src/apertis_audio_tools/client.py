"""ApertisAudio: every verb of the service in both colours, on one connection pool."""

import asyncio
import functools
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from pydantic import SecretStr

from apertis_audio_tools import calls, recordings, settings
from apertis_audio_tools.answers import malformed
from apertis_audio_tools.calls import Call, Message, Streamed
from apertis_audio_tools.drivers import Drivers, awaiting, blocking, streaming, streaming_awaiting
from apertis_audio_tools.errors import RecordingError, UnsupportedError
from apertis_audio_tools.models import MODELS, Capabilities, Model, SpeechFormat, TranscriptFormat
from apertis_audio_tools.recordings import Source
from apertis_audio_tools.results import ChatDelta, ChatReply, Speech, SpeechFile, Transcript
from apertis_audio_tools.retry import Clock, Retry, SystemClock
from apertis_audio_tools.transport import Transport
from apertis_audio_tools.wire import Answer, Request, Upload
from apertis_audio_tools.writing import NewFile

TRANSCRIPTION_MODEL = "whisper-1"
SPEECH_MODEL = "tts-1"
CHAT_MODEL = "gpt-4o-audio-preview"
VOICE = "alloy"

_SUFFIX_FORMATS: dict[str, SpeechFormat] = {
    ".mp3": "mp3",
    ".opus": "opus",
    ".ogg": "opus",
    ".aac": "aac",
    ".flac": "flac",
    ".wav": "wav",
    ".pcm": "pcm",
}


class ApertisAudio:
    """The Apertis Audio API: each verb as ``verb()`` and, for asyncio, ``averb()``.

    One object serves many threads and any number of event loops. Use it as a context manager, or
    close it, to give its connections back.

    Example:
        >>> from apertis_audio_tools import ApertisAudio
        >>> with ApertisAudio() as audio:
        ...     transcript = audio.transcribe("standup.ogg")
        >>> for passage in transcript.passages():
        ...     print(passage.timecode, passage.text)

    Args:
        api_key: Of a pay-as-you-go plan; without it, the variable ``APERTIS_API_KEY``.
        base_url: Without it, ``APERTIS_BASE_URL``, then the service's own.
        timeout: Seconds of silence after which an answer counts as lost.
        deadline: Seconds one call may take with everything: waits, retries, the whole answer.
        max_retries: Further attempts after the first, where they may help.
        max_wait: Seconds of waiting the service may ask for; more is raised at once, with
            ``retry_after`` set.
        models: What each model can do; see `apertis_audio_tools.models`.
        clock: Where time comes from, for tests.

    Raises:
        ConfigurationError: No key, or a setting that cannot be.
    """

    def __init__(
        self,
        api_key: str | SecretStr | None = None,
        *,
        base_url: str | None = None,
        timeout: float = 600.0,
        deadline: float = 1800.0,
        max_retries: int = 5,
        max_wait: float = 190.0,
        models: Mapping[str, Model] = MODELS,
        clock: Clock | None = None,
    ) -> None:
        self._base_url = settings.base_url(base_url)
        self._capabilities = Capabilities(models)
        self._drivers = Drivers(
            transport=Transport(
                self._base_url, settings.api_key(api_key), settings.positive("timeout", timeout)
            ),
            retry=Retry(
                settings.retries(max_retries),
                settings.positive("max_wait", max_wait),
                SystemClock() if clock is None else clock,
            ),
            deadline=settings.positive("deadline", deadline),
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self._base_url!r})"

    @property
    def base_url(self) -> str:
        """Whom it asks."""
        return self._base_url

    def _transcribe(
        self,
        source: Source,
        *,
        model: str = TRANSCRIPTION_MODEL,
        language: str | None = None,
        prompt: str | None = None,
        response_format: TranscriptFormat | None = None,
        temperature: float | None = None,
    ) -> Call[Transcript]:
        """What is said in a recording, in its own language.

        Args:
            source: A path, bytes, a binary file object (from its current position), or
                (name, content); up to 25 MiB, in a container the service takes. One file object
                cannot be in two calls at once.
            model: A transcription model.
            language: ISO 639-1, such as ``zh``: helps accuracy.
            prompt: Context, or how names and terms are spelled.
            response_format: Without it, ``verbose_json`` from models that have it, because it
                carries times, and ``json`` from others.
            temperature: Of the sampling, 0 to 1; the service's default is 0.

        Raises:
            RecordingError: The source is missing, empty or no audio.
            UnsupportedError: Known to be impossible; nothing was sent.
            APIError: The service refused, could not be reached, or answered nonsense.
        """
        return calls.transcription(
            **_described(recordings.probe(source)),
            task="transcribe",
            capabilities=self._capabilities,
            model=model,
            language=language,
            prompt=prompt,
            response_format=response_format,
            temperature=temperature,
        )

    transcribe = blocking(_transcribe)
    atranscribe = awaiting(_transcribe)

    def _translate(
        self,
        source: Source,
        *,
        model: str = TRANSCRIPTION_MODEL,
        prompt: str | None = None,
        response_format: TranscriptFormat | None = None,
        temperature: float | None = None,
    ) -> Call[Transcript]:
        """What is said in a recording, in English; only whisper models translate.

        Args:
            source: As in `transcribe`.
            model: A whisper model.
            prompt: Context, in English.
            response_format: As in `transcribe`.
            temperature: Of the sampling, 0 to 1; the service's default is 0.

        Raises:
            RecordingError: The source is missing, empty or no audio.
            UnsupportedError: Known to be impossible; nothing was sent.
            APIError: The service refused, could not be reached, or answered nonsense.
        """
        return calls.transcription(
            **_described(recordings.probe(source)),
            task="translate",
            capabilities=self._capabilities,
            model=model,
            prompt=prompt,
            response_format=response_format,
            temperature=temperature,
        )

    translate = blocking(_translate)
    atranslate = awaiting(_translate)

    def _speak(
        self,
        text: str,
        *,
        voice: str = VOICE,
        model: str = SPEECH_MODEL,
        response_format: SpeechFormat = "mp3",
        speed: float | None = None,
        instructions: str | None = None,
    ) -> Call[Speech]:
        """A text as sound.

        Args:
            text: Up to 4096 characters.
            voice: alloy, echo, fable, onyx, nova or shimmer; some models have others.
            model: A speech model.
            response_format: mp3, opus, aac, flac, wav, or pcm: headerless, 24 kHz mono, signed
                16-bit little-endian.
            speed: 0.25 to 4; the service's default is 1.
            instructions: Tone, accent, pace; for models that follow them.

        Raises:
            UnsupportedError: Known to be impossible; nothing was sent.
            APIError: The service refused, could not be reached, or answered nonsense.
        """
        request = self._speech(text, voice, model, response_format, speed, instructions)
        return Call(request, functools.partial(_as_speech, asked=response_format))

    speak = blocking(_speak)
    aspeak = awaiting(_speak)

    def _stream_speech(
        self,
        text: str,
        *,
        voice: str = VOICE,
        model: str = SPEECH_MODEL,
        response_format: SpeechFormat = "mp3",
        speed: float | None = None,
        instructions: str | None = None,
    ) -> Streamed[bytes]:
        """The bytes of a spoken text as they arrive; arguments and errors as in `speak`.

        Once the first bytes have come, a broken connection raises `APIConnectionError`: what was
        handed on cannot be taken back.
        """
        request = self._speech(text, voice, model, response_format, speed, instructions)
        return Streamed(request, calls.SoundBytes)

    stream_speech = streaming(_stream_speech)
    astream_speech = streaming_awaiting(_stream_speech)

    def save_speech(
        self,
        text: str,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        voice: str = VOICE,
        model: str = SPEECH_MODEL,
        response_format: SpeechFormat | None = None,
        speed: float | None = None,
        instructions: str | None = None,
    ) -> SpeechFile:
        """A spoken text as a file, which is there when it is complete, or not at all.

        Args:
            text: Up to 4096 characters.
            path: Where to; an existing file is kept, unless `overwrite`.
            overwrite: Replace an existing file.
            voice: As in `speak`.
            model: As in `speak`.
            response_format: Without it, the one the suffix of `path` names.
            speed: As in `speak`.
            instructions: As in `speak`.

        Raises:
            OutputError: The file exists or cannot be written; found out before anything is sent.
            UnsupportedError: Known to be impossible; nothing was sent.
            APIError: The service refused, could not be reached, or answered nonsense.
        """
        asked = response_format or _format_of(path)
        request = self._speech(text, voice, model, asked, speed, instructions)
        with NewFile.create(path, overwrite=overwrite) as new:
            head = self._drivers.download(Streamed(request, calls.SoundBytes), new.file)
            return _as_file(new, head, asked)

    async def asave_speech(
        self,
        text: str,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        voice: str = VOICE,
        model: str = SPEECH_MODEL,
        response_format: SpeechFormat | None = None,
        speed: float | None = None,
        instructions: str | None = None,
    ) -> SpeechFile:
        """`save_speech` for asyncio."""
        asked = response_format or _format_of(path)
        request = self._speech(text, voice, model, asked, speed, instructions)
        new = await asyncio.to_thread(NewFile.create, path, overwrite=overwrite)
        try:
            head = await self._drivers.adownload(Streamed(request, calls.SoundBytes), new.file)
            saved = await asyncio.to_thread(_as_file, new, head, asked)
            await asyncio.to_thread(new.commit)
        finally:
            new.discard()
        return saved

    def _chat(
        self,
        messages: str | Sequence[Message],
        audio: Source | list[Source] | None = None,
        *,
        model: str = CHAT_MODEL,
        modalities: Sequence[str] | None = None,
        voice: str | None = None,
        audio_format: str = "wav",
        tools: Sequence[Mapping[str, Any]] | None = None,
        tool_choice: str | Mapping[str, Any] | None = None,
        parallel_tool_calls: bool | None = None,
        temperature: float | None = None,
        top_p: float | None = None,
        max_tokens: int | None = None,
        stop: str | Sequence[str] | None = None,
        seed: int | None = None,
        response_format: Mapping[str, Any] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> Call[ChatReply]:
        """The model's turn in a conversation it can hear, and speak in.

        Args:
            messages: A question, or messages of the standard chat schema. The ``data`` of an
                ``input_audio`` block may be base64 text, or any source `transcribe` takes but a
                ``str``; then the ``format`` is found out, and what is neither wav nor mp3 is
                converted to mp3.
            audio: One clip, or a list of them, that goes with a question.
            model: A chat model.
            modalities: ``["text", "audio"]`` for a spoken reply.
            voice: Speaks the reply; asks for one by itself.
            audio_format: Of the spoken reply: wav, mp3, flac, opus, aac or pcm16.
            tools: Functions the model may call, in the standard schema.
            tool_choice: ``auto``, ``none``, ``required`` or a certain function.
            parallel_tool_calls: Whether several may be called at once.
            temperature: Of the sampling, 0 to 2.
            top_p: Of the sampling, 0 to 1.
            max_tokens: The longest reply.
            stop: Where the reply ends.
            seed: For replies that can be repeated, as far as the model can.
            response_format: Such as a JSON schema the reply follows.
            extra: Further fields of the chat schema, sent as they are.

        Raises:
            RecordingError: A clip is missing, empty or no audio.
            UnsupportedError: Known to be impossible; nothing was sent.
            APIError: The service refused, could not be reached, or answered nonsense.
        """
        return calls.chat(
            _conversation(messages, audio),
            model=model,
            capabilities=self._capabilities,
            clip=_clip,
            modalities=modalities,
            voice=voice,
            audio_format=audio_format,
            temperature=temperature,
            tools=tools,
            tool_choice=tool_choice,
            parallel_tool_calls=parallel_tool_calls,
            top_p=top_p,
            max_tokens=max_tokens,
            stop=stop,
            seed=seed,
            response_format=response_format,
            extra=extra,
        )

    chat = blocking(_chat)
    achat = awaiting(_chat)

    def _stream_chat(
        self,
        messages: str | Sequence[Message],
        audio: Source | list[Source] | None = None,
        *,
        model: str = CHAT_MODEL,
        tools: Sequence[Mapping[str, Any]] | None = None,
        tool_choice: str | Mapping[str, Any] | None = None,
        parallel_tool_calls: bool | None = None,
        temperature: float | None = None,
        top_p: float | None = None,
        max_tokens: int | None = None,
        stop: str | Sequence[str] | None = None,
        seed: int | None = None,
        response_format: Mapping[str, Any] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> Streamed[ChatDelta]:
        """A reply in words, piece by piece; arguments and errors as in `chat`.

        The service cannot stream a spoken reply: ask for that with `chat`.
        """
        return calls.chat_stream(
            _conversation(messages, audio),
            model=model,
            capabilities=self._capabilities,
            clip=_clip,
            temperature=temperature,
            tools=tools,
            tool_choice=tool_choice,
            parallel_tool_calls=parallel_tool_calls,
            top_p=top_p,
            max_tokens=max_tokens,
            stop=stop,
            seed=seed,
            response_format=response_format,
            extra=extra,
        )

    stream_chat = streaming(_stream_chat)
    astream_chat = streaming_awaiting(_stream_chat)

    def _models(self) -> Call[tuple[str, ...]]:
        """The names of the models this key can use, audio and others.

        Raises:
            APIError: The service refused, could not be reached, or answered nonsense.
        """
        return calls.model_list()

    models = blocking(_models)
    amodels = awaiting(_models)

    def close(self) -> None:
        """Give the connections back, for good.

        Those made in an event loop close with `aclose` in that loop, or when it ends.
        """
        self._drivers.transport.close()

    async def aclose(self) -> None:
        """Give the connections back, those of the running event loop too."""
        await self._drivers.transport.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _speech(  # noqa: PLR0917  # in the order of the verbs, which name them
        self,
        text: str,
        voice: str,
        model: str,
        response_format: SpeechFormat,
        speed: float | None,
        instructions: str | None,
    ) -> Request:
        return calls.speech(
            text,
            voice=voice,
            model=model,
            response_format=response_format,
            speed=speed,
            instructions=instructions,
            capabilities=self._capabilities,
        )


def _described(recording: recordings.Recording) -> dict[str, Any]:
    return {
        "upload": recording.upload(),
        "source": recording.label,
        "duration": recording.duration,
    }


def _conversation(
    messages: str | Sequence[Message], audio: Source | list[Source] | None
) -> Sequence[Message]:
    if not isinstance(messages, str):
        if audio is not None:
            raise UnsupportedError(
                "audio goes with a question; in messages, use input_audio blocks."
            )
        return messages
    clips = audio if isinstance(audio, list) else [] if audio is None else [audio]
    sources = [Path(clip) if isinstance(clip, str) else clip for clip in clips]
    heard = [{"type": "input_audio", "input_audio": {"data": source}} for source in sources]
    asked = [{"type": "text", "text": messages}, *heard] if heard else messages
    return [{"role": "user", "content": asked}]


def _clip(source: Source) -> tuple[Upload, str]:
    return recordings.chat_audio(recordings.probe(source))


def _format_of(path: str | os.PathLike[str]) -> SpeechFormat:
    suffix = Path(path).suffix.lower()
    if suffix not in _SUFFIX_FORMATS:
        raise UnsupportedError(
            f"{Path(path).name!r} does not tell the format; end it in one of "
            f"{', '.join(_SUFFIX_FORMATS)}, or pass response_format."
        )
    return _SUFFIX_FORMATS[suffix]


def _as_speech(answer: Answer, *, asked: str) -> Speech:
    audio = calls.require_sound(answer).body
    found, duration = _identified(answer, audio, asked)
    return Speech(
        audio=audio,
        format=found,
        media_type=recordings.MEDIA_TYPES[found],
        duration=duration,
        **calls.origin(answer),
    )


def _as_file(new: NewFile, head: Answer, asked: str) -> SpeechFile:
    size = new.file.tell()
    new.file.seek(0)
    found, duration = _identified(head, new.file, asked)
    if found != asked:
        raise malformed(replace(head, body=b""), f"with {found}, when {asked} was asked for")
    return SpeechFile(
        path=str(new.path),
        format=found,
        media_type=recordings.MEDIA_TYPES[found],
        duration=duration,
        size=size,
        **calls.origin(head),
    )


def _identified(answer: Answer, sound: Source, asked: str) -> tuple[str, float]:
    try:
        return recordings.identify(sound, asked)
    except RecordingError as error:
        raise malformed(replace(answer, body=b""), f"not with {asked}: {error}") from None
