"""A text on its way to one sound: its parts, what is asked for each, how answers become one."""

import functools
import io
import itertools
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import BinaryIO

from apertis_audio_tools import api
from apertis_audio_tools.api import Call, StreamCall
from apertis_audio_tools.api.request import Request
from apertis_audio_tools.api.response import Response, malformed_error
from apertis_audio_tools.audio import (
    SPEECH_MEDIA_TYPES,
    Concatenation,
    OutputBuffer,
    Source,
    identify_speech,
)
from apertis_audio_tools.errors import MalformedResponseError, RecordingError
from apertis_audio_tools.files.atomic import AtomicFile
from apertis_audio_tools.models import MAX_SPEECH_CHARACTERS, SpeechFormat
from apertis_audio_tools.results import Speech, SpeechFile
from apertis_audio_tools.text import sentences
from apertis_audio_tools.text.sentences import TextSpan

_FIRST_SIZES = (250, 1_000)
"""Characters of the first parts of a stream: some 15 s and 60 s of speech, so that sound starts
early and lasts until a longer part is made."""
_STREAMED_AHEAD = 2
"""Parts that are being made, or wait to be heard, while one is being heard."""


@dataclass(frozen=True, slots=True)
class SpeechJob:
    """The parts of a text, in order.

    Attributes:
        requests: What to send for each.
        places: Where in the text each is, in words.
        sound_format: What was asked for.
        ahead: How many parts may be under way, or wait for their turn; None for as many as the
            client sends at once.
    """

    requests: tuple[Request, ...]
    places: tuple[str, ...]
    sound_format: SpeechFormat
    ahead: int | None = None

    @classmethod
    def of(
        cls,
        text: str,
        ask: Callable[[str], Request],
        sound_format: SpeechFormat,
        *,
        is_heard_at_once: bool = False,
    ) -> "SpeechJob":
        """The recital of a text; what the service takes at a time is one part, as it is.

        Parts with nothing but punctuation are left out, as there is nothing to hear in them.

        Args:
            text: Of any length.
            ask: The request for a part.
            sound_format: What it asks for.
            is_heard_at_once: Begin with short parts, and keep little ahead of what is heard.
        """
        if len(text) <= MAX_SPEECH_CHARACTERS or not sentences.is_speakable(text):
            return cls((ask(text),), ("",), sound_format)
        first = _FIRST_SIZES if is_heard_at_once else ()
        sizes = itertools.chain(first, itertools.repeat(MAX_SPEECH_CHARACTERS))
        split = sentences.split_text(text, sizes, MAX_SPEECH_CHARACTERS)
        parts = [part for part in split if sentences.is_speakable(part.text)]
        return cls(
            tuple(ask(part.text) for part in parts),
            tuple(_place(number, part, len(parts)) for number, part in enumerate(parts, start=1)),
            sound_format,
            _STREAMED_AHEAD if is_heard_at_once else None,
        )

    @property
    def is_one(self) -> bool:
        """Whether it is a single request, whose answer needs no joining."""
        return len(self.requests) == 1

    def calls(self) -> Iterable[tuple[str, Call[Speech]]]:
        """For each part where it is, and how to get it."""
        read = functools.partial(read_part, asked=self.sound_format)
        for place, request in zip(self.places, self.requests, strict=True):
            yield place, Call(request, read)

    def call(self) -> Call[Speech]:
        """The only request, whose answer is the sound."""
        (request,) = self.requests
        return Call(request, functools.partial(read_speech, asked=self.sound_format))

    def streamed(self) -> StreamCall[bytes]:
        """The same, whose answer is handed on as it arrives."""
        (request,) = self.requests
        return StreamCall(request, api.AudioStreamReader)

    def joining(self, file: BinaryIO | OutputBuffer) -> Concatenation:
        """One sound of all parts, in a file."""
        return Concatenation(self.sound_format, file)

    def joined(self, file: io.BytesIO, last: Speech) -> Speech:
        """The whole sound; of the exchanges it came from it names the last."""
        audio = file.getvalue()
        found, duration = identify_speech(audio, self.sound_format)
        return last.model_copy(update={"audio": audio, "format": found, "duration": duration})


@dataclass(frozen=True, slots=True)
class SpeechFileJob:
    """A text on its way into a file.

    Attributes:
        recital: The text.
        path: Of the file.
        overwrite: Replace an existing file.
    """

    recital: SpeechJob
    path: str | os.PathLike[str]
    overwrite: bool

    def begun(self) -> AtomicFile:
        """The file in the making.

        Raises:
            OutputError: The file exists or cannot be written.
        """
        return AtomicFile.create(self.path, overwrite=self.overwrite)

    def saved(self, new: AtomicFile, came: Response | Speech) -> SpeechFile:
        """The file, by what was answered: the only exchange it came from, or the last part.

        Raises:
            MalformedResponseError: The only answer is not what was asked for.
        """
        asked = self.recital.sound_format
        size = new.file.seek(0, os.SEEK_END)
        new.file.seek(0)
        if isinstance(came, Response):
            found, duration = identify_audio(came, new.file, asked)
            require_format(came, found, asked)
            origin = api.response_metadata(came)
        else:
            found, duration = identify_speech(new.file, asked)
            origin = {"request_id": came.request_id, "server": came.server}
        return SpeechFile(
            path=str(new.path),
            format=found,
            media_type=SPEECH_MEDIA_TYPES[found],
            duration=duration,
            size=size,
            **origin,
        )


def append_part(joining: Concatenation, part: Speech) -> None:
    """Append a part.

    Raises:
        MalformedResponseError: It does not fit to the ones before.
    """
    try:
        joining.add(part.audio)
    except RecordingError as error:
        raise MalformedResponseError(
            f"What the service answered cannot be joined: {error}", request_id=part.request_id
        ) from error


def read_speech(answer: Response, *, asked: str) -> Speech:
    """What an answer holds, be it what was asked for or not.

    Raises:
        MalformedResponseError: It is no sound.
    """
    audio = api.require_audio(answer).body
    found, duration = identify_audio(answer, audio, asked)
    return Speech(
        audio=audio,
        format=found,
        media_type=SPEECH_MEDIA_TYPES[found],
        duration=duration,
        **api.response_metadata(answer),
    )


def read_part(answer: Response, *, asked: str) -> Speech:
    """The same of a part, which has to be what was asked for.

    Raises:
        MalformedResponseError: It is not.
    """
    part = read_speech(answer, asked=asked)
    require_format(answer, part.format, asked)
    return part


def identify_audio(answer: Response, sound: Source, asked: str) -> tuple[str, float]:
    """The format of a sound, and its duration in seconds.

    Raises:
        MalformedResponseError: It is none.
    """
    try:
        return identify_speech(sound, asked)
    except RecordingError as error:
        raise malformed_error(replace(answer, body=b""), f"not with {asked}: {error}") from None


def require_format(answer: Response, found: str, asked: str) -> None:
    """Refuse a sound in another format.

    Raises:
        MalformedResponseError: It is.
    """
    if found != asked:
        raise malformed_error(
            replace(answer, body=b""), f"with {found}, when {asked} was asked for"
        )


def _place(number: int, part: TextSpan, count: int) -> str:
    last = part.start + len(part.text)
    return f"Part {number} of {count} of the text (characters {part.start + 1} to {last})"
