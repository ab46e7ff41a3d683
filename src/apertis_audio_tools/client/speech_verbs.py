"""The verbs that turn text into sound."""

import functools
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from apertis_audio_tools import api
from apertis_audio_tools.client.colours import carried, carried_awaiting, carried_iterating
from apertis_audio_tools.errors import UnsupportedError
from apertis_audio_tools.models import SPEECH_MODEL, VOICE, Capabilities, SpeechFormat
from apertis_audio_tools.pipeline.batch_runner import BatchRunner
from apertis_audio_tools.pipeline.speech_job import SpeechFileJob, SpeechJob
from apertis_audio_tools.results import Speech, SpeechFile

_SUFFIX_FORMATS: dict[str, SpeechFormat] = {
    ".mp3": "mp3",
    ".opus": "opus",
    ".ogg": "opus",
    ".aac": "aac",
    ".flac": "flac",
    ".wav": "wav",
    ".pcm": "pcm",
}


class SpeechVerbs:
    """`speak`, `stream_speech` and `save_speech`, in both colours."""

    _drivers: BatchRunner
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
    ) -> SpeechJob:
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
        return self._recital(text, voice, model, response_format, speed, instructions)

    speak = carried(BatchRunner.speak, _speak, Speech)
    aspeak = carried_awaiting(BatchRunner.aspeak, _speak, Speech)

    def _stream_speech(
        self,
        text: str,
        *,
        voice: str = VOICE,
        model: str = SPEECH_MODEL,
        response_format: SpeechFormat = "mp3",
        speed: float | None = None,
        instructions: str | None = None,
    ) -> SpeechJob:
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
        return self._recital(
            text, voice, model, response_format, speed, instructions, is_heard_at_once=True
        )

    stream_speech = carried(BatchRunner.stream_speech, _stream_speech, Iterator[bytes])
    astream_speech = carried_iterating(
        BatchRunner.astream_speech, _stream_speech, AsyncIterator[bytes]
    )

    def _save_speech(
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
    ) -> SpeechFileJob:
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
        return SpeechFileJob(recital, path, overwrite)

    save_speech = carried(BatchRunner.save, _save_speech, SpeechFile)
    asave_speech = carried_awaiting(BatchRunner.asave, _save_speech, SpeechFile)

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
    ) -> SpeechJob:
        ask = functools.partial(
            api.speech_request,
            voice=voice,
            model=model,
            response_format=response_format,
            speed=speed,
            instructions=instructions,
            capabilities=self._capabilities,
        )
        return SpeechJob.of(text, ask, response_format, is_heard_at_once=is_heard_at_once)


def _format_of(path: str | os.PathLike[str]) -> SpeechFormat:
    suffix = Path(path).suffix.lower()
    if suffix not in _SUFFIX_FORMATS:
        raise UnsupportedError(
            f"{Path(path).name!r} does not tell the format; names that end in "
            f"{', '.join(_SUFFIX_FORMATS)} do."
        )
    return _SUFFIX_FORMATS[suffix]
