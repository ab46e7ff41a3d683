"""The verbs that turn text into sound."""

import asyncio
import contextlib
import functools
import io
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from apertis_audio_tools import calls, recordings
from apertis_audio_tools.calls import Call, Streamed
from apertis_audio_tools.discretion import discreet
from apertis_audio_tools.drivers import Drivers
from apertis_audio_tools.errors import UnsupportedError
from apertis_audio_tools.models import Capabilities, SpeechFormat
from apertis_audio_tools.recitals import Recital, as_speech, identified, require_format
from apertis_audio_tools.results import Speech, SpeechFile
from apertis_audio_tools.wire import Answer
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

    @discreet
    def speak(
        self,
        text: str,
        *,
        voice: str = VOICE,
        model: str = SPEECH_MODEL,
        response_format: SpeechFormat = "mp3",
        speed: float | None = None,
        instructions: str | None = None,
    ) -> Speech:
        """A text as sound.

        A text of more than 4096 characters (Unicode code points: what Python counts, and what the
        service takes at a time) is divided at ends of sentences, spoken several parts at a time,
        and joined. Between parts of mp3, aac and opus, which are joined as they are, there are
        some 50 ms (opus: 15 ms) more of silence; flac, wav and pcm are the same samples.

        Args:
            text: Of any length. Of a long one, parts that are nothing but punctuation are left out.
            voice: alloy, echo, fable, onyx, nova or shimmer; some models have others.
            model: A speech model.
            response_format: mp3, opus, aac, flac, wav, or pcm: headerless, 24 kHz mono, signed
                16-bit little-endian.
            speed: 0.25 to 4; the service's default is 1.
            instructions: Tone, accent, pace; for models that follow them.

        Raises:
            UnsupportedError: Known to be impossible; nothing was sent.
            APIError: The service refused, could not be reached, or answered nonsense. Of a long
                text the message says which part it was, and nothing more was sent after it.
        """
        recital = self._recital(text, voice, model, response_format, speed, instructions)
        if recital.is_one:
            return self._drivers.answer(_only(recital))
        file = io.BytesIO()
        return _joined(recital, file, self._drivers.recite(recital, file))

    @discreet
    async def aspeak(
        self,
        text: str,
        *,
        voice: str = VOICE,
        model: str = SPEECH_MODEL,
        response_format: SpeechFormat = "mp3",
        speed: float | None = None,
        instructions: str | None = None,
    ) -> Speech:
        """`speak` for asyncio."""
        recital = await asyncio.to_thread(
            self._recital, text, voice, model, response_format, speed, instructions
        )
        if recital.is_one:
            return await self._drivers.aanswer(_only(recital))
        file = io.BytesIO()
        last = await self._drivers.arecite(recital, file)
        return await asyncio.to_thread(_joined, recital, file, last)

    @discreet
    def stream_speech(
        self,
        text: str,
        *,
        voice: str = VOICE,
        model: str = SPEECH_MODEL,
        response_format: SpeechFormat = "mp3",
        speed: float | None = None,
        instructions: str | None = None,
    ) -> Iterator[bytes]:
        """The bytes of a spoken text as they arrive; arguments and errors as in `speak`.

        A text of more than 4096 characters comes as one stream, from the first bytes to the last:
        its first sentences are there while later ones are being made, and no more than a few
        minutes are made ahead of what is taken. What a player gets: mp3 and aac are frame after
        frame; opus is one logical Ogg stream; flac is one stream whose head leaves the length open;
        wav has the sizes of a stream (0xFFFFFFFF) in its only header; pcm is samples.

        Once the first bytes have come, a broken connection raises `APIConnectionError`: what was
        handed on cannot be taken back. Later parts of a long text are tried again. Closing the
        iterator ends everything that is under way.
        """
        recital = self._recital(
            text, voice, model, response_format, speed, instructions, is_heard_at_once=True
        )
        if recital.is_one:
            return self._drivers.stream(_streamed(recital))
        return self._drivers.recite_stream(recital)

    @discreet
    async def astream_speech(
        self,
        text: str,
        *,
        voice: str = VOICE,
        model: str = SPEECH_MODEL,
        response_format: SpeechFormat = "mp3",
        speed: float | None = None,
        instructions: str | None = None,
    ) -> AsyncIterator[bytes]:
        """`stream_speech` for asyncio."""
        recital = await asyncio.to_thread(
            functools.partial(self._recital, is_heard_at_once=True),
            *(text, voice, model, response_format, speed, instructions),
        )
        sound = (
            self._drivers.astream(_streamed(recital))
            if recital.is_one
            else self._drivers.arecite_stream(recital)
        )
        async with contextlib.aclosing(sound) as chunks:
            async for chunk in chunks:
                yield chunk

    @discreet
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

        Of a long text, parts go to the file one after the other; in memory are those only that are
        under way or wait for their turn, as many as the client's `max_concurrency`. A wav of more
        than 4 GiB, which is a day, has the sizes of a stream.

        Args:
            text: As in `speak`: of any length.
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
            APIError: The service refused, could not be reached, or answered nonsense; as in
                `speak`.
        """
        asked = response_format or _format_of(path)
        recital = self._recital(text, voice, model, asked, speed, instructions)
        with NewFile.create(path, overwrite=overwrite) as new:
            if recital.is_one:
                head = self._drivers.download(_streamed(recital), new.file)
                return _as_file(new, asked, head)
            return _as_file(new, asked, self._drivers.recite(recital, new.file))

    @discreet
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
        recital = await asyncio.to_thread(
            self._recital, text, voice, model, asked, speed, instructions
        )
        new = await asyncio.to_thread(NewFile.create, path, overwrite=overwrite)
        try:
            if recital.is_one:
                head = await self._drivers.adownload(_streamed(recital), new.file)
                saved = await asyncio.to_thread(_as_file, new, asked, head)
            else:
                last = await self._drivers.arecite(recital, new.file)
                saved = await asyncio.to_thread(_as_file, new, asked, last)
            await asyncio.to_thread(new.commit)
        finally:
            new.discard()
        return saved

    def _recital(  # noqa: PLR0917  # in the order of the verbs, which name them
        self,
        text: str,
        voice: str,
        model: str,
        response_format: SpeechFormat,
        speed: float | None,
        instructions: str | None,
        *,
        is_heard_at_once: bool = False,
    ) -> Recital:
        ask = functools.partial(
            calls.speech,
            voice=voice,
            model=model,
            response_format=response_format,
            speed=speed,
            instructions=instructions,
            capabilities=self._capabilities,
        )
        return Recital.of(text, ask, response_format, is_heard_at_once=is_heard_at_once)


def _only(recital: Recital) -> Call[Speech]:
    (request,) = recital.requests
    return Call(request, functools.partial(as_speech, asked=recital.sound_format))


def _streamed(recital: Recital) -> Streamed[bytes]:
    (request,) = recital.requests
    return Streamed(request, calls.SoundBytes)


def _joined(recital: Recital, file: io.BytesIO, last: Speech) -> Speech:
    """The whole sound; of the exchanges it came from it names the last."""
    found, duration = recordings.identify(file.getvalue(), recital.sound_format)
    return last.model_copy(update={"audio": file.getvalue(), "format": found, "duration": duration})


def _format_of(path: str | os.PathLike[str]) -> SpeechFormat:
    suffix = Path(path).suffix.lower()
    if suffix not in _SUFFIX_FORMATS:
        raise UnsupportedError(
            f"{Path(path).name!r} does not tell the format; end it in one of "
            f"{', '.join(_SUFFIX_FORMATS)}, or pass response_format."
        )
    return _SUFFIX_FORMATS[suffix]


def _as_file(new: NewFile, asked: str, came: Answer | Speech) -> SpeechFile:
    """The file, by what was answered: the only exchange it came from, or the last part."""
    size = new.file.seek(0, os.SEEK_END)
    new.file.seek(0)
    if isinstance(came, Answer):
        found, duration = identified(came, new.file, asked)
        require_format(came, found, asked)
        origin = calls.origin(came)
    else:
        found, duration = recordings.identify(new.file, asked)
        origin = {"request_id": came.request_id, "server": came.server}
    return SpeechFile(
        path=str(new.path),
        format=found,
        media_type=recordings.MEDIA_TYPES[found],
        duration=duration,
        size=size,
        **origin,
    )
