"""The verbs that turn text into sound."""

import asyncio
import functools
import os
from dataclasses import replace
from pathlib import Path

from apertis_audio_tools import calls, recordings
from apertis_audio_tools.answers import malformed
from apertis_audio_tools.calls import Call, Streamed
from apertis_audio_tools.colours import awaiting, blocking, streaming, streaming_awaiting
from apertis_audio_tools.drivers import Drivers
from apertis_audio_tools.errors import RecordingError, UnsupportedError
from apertis_audio_tools.models import Capabilities, SpeechFormat
from apertis_audio_tools.recordings import Source
from apertis_audio_tools.results import Speech, SpeechFile
from apertis_audio_tools.wire import Answer, Request
from apertis_audio_tools.writing import NewFile

SPEECH_MODEL = "tts-1"
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


class Speaking:
    """`speak`, `stream_speech` and `save_speech`, in both colours."""

    _drivers: Drivers
    _capabilities: Capabilities

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
