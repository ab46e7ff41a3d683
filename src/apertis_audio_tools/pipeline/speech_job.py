"""Speech of one text: its parts, their requests, and the joining of the responses."""

import functools
import io
import itertools
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import BinaryIO

from apertis_audio_tools.api.call import Call, StreamCall, response_metadata
from apertis_audio_tools.api.options import SpeechOptions
from apertis_audio_tools.api.request import Request
from apertis_audio_tools.api.response import Response, malformed_error
from apertis_audio_tools.api.speech import AudioStreamReader, require_audio, speech_request
from apertis_audio_tools.audio import Concatenation, OutputBuffer, Source, identify_speech
from apertis_audio_tools.errors import MalformedResponseError, RecordingError
from apertis_audio_tools.files.atomic import AtomicFile
from apertis_audio_tools.models import (
    MAX_SPEECH_CHARACTERS,
    SPEECH_MEDIA_TYPES,
    Capabilities,
    SpeechFormat,
)
from apertis_audio_tools.pipeline.accounts import Account
from apertis_audio_tools.pipeline.job_state import JobState
from apertis_audio_tools.results import Speech, SpeechFile
from apertis_audio_tools.text import sentences
from apertis_audio_tools.text.sentences import TextSpan

_FIRST_SIZES = (250, 1_000)
"""Characters of the first parts of a stream: some 15 s and 60 s of speech, so that playing starts
early and lasts until a longer part is ready."""
_STREAM_AHEAD = 2
"""Parts of a stream that are under way, or wait to be played, while one is being played."""


@dataclass(frozen=True, slots=True)
class SpeechJob:
    """Requests for the parts of a text, in order.

    Attributes:
        places: Place of each part in the text, in words for error messages.
        ahead: Number of parts that may be under way or wait for their turn. None for as many as
            the client sends at once.
        account: Account that is charged, besides that of the client.
    """

    requests: tuple[Request, ...]
    places: tuple[str, ...]
    audio_format: SpeechFormat
    ahead: int | None = None
    account: Account | None = None

    @classmethod
    def create(
        cls, text: str, options: SpeechOptions, capabilities: Capabilities, *, stream: bool = False
    ) -> "SpeechJob":
        """Split a text into parts that the service accepts, and make their requests.

        Parts with nothing but punctuation are left out, as there is nothing to speak in them. A
        stream begins with short parts and keeps few parts ahead.
        """
        make_request = functools.partial(speech_request, options=options, capabilities=capabilities)
        audio_format = options.response_format
        if len(text) <= MAX_SPEECH_CHARACTERS or not sentences.is_speakable(text):
            return cls((make_request(text),), ("",), audio_format)
        first = _FIRST_SIZES if stream else ()
        sizes = itertools.chain(first, itertools.repeat(MAX_SPEECH_CHARACTERS))
        split = sentences.split_text(text, sizes, MAX_SPEECH_CHARACTERS)
        parts = [part for part in split if sentences.is_speakable(part.text)]
        return cls(
            tuple(make_request(part.text) for part in parts),
            tuple(_place(number, part, len(parts)) for number, part in enumerate(parts, start=1)),
            audio_format,
            _STREAM_AHEAD if stream else None,
        )

    @property
    def is_single(self) -> bool:
        """True if the job is one request, whose response needs no joining."""
        return len(self.requests) == 1

    def single_call(self) -> Call[Speech]:
        """Return the call of a job that is one request."""
        (request,) = self.requests
        return Call(request, functools.partial(read_speech, audio_format=self.audio_format))

    def stream_call(self) -> StreamCall[bytes]:
        """Return the call of a job that is one request, whose response is passed on as it comes."""
        (request,) = self.requests
        return StreamCall(request, AudioStreamReader)

    def state(self) -> JobState:
        """Return the state of a new run of the job."""
        return JobState(account=self.account)

    def part_calls(self) -> Iterable[tuple[str, Call[Speech]]]:
        """Yield the place and the call of each part."""
        read = functools.partial(read_part, audio_format=self.audio_format)
        for place, request in zip(self.places, self.requests, strict=True):
            yield place, Call(request, read)

    def concatenate(self, file: BinaryIO | OutputBuffer) -> Concatenation:
        """Return the writer that joins all parts in a file."""
        return Concatenation(self.audio_format, file)

    def joined(self, file: io.BytesIO, last: Speech) -> Speech:
        """Return the joined parts as one speech, with the metadata of the last response."""
        audio = file.getvalue()
        found, duration = identify_speech(audio, self.audio_format)
        return last.model_copy(update={"audio": audio, "format": found, "duration": duration})


@dataclass(frozen=True, slots=True)
class SpeechFileJob:
    """A text on its way into a file."""

    speech: SpeechJob
    path: str | os.PathLike[str]
    overwrite: bool

    def create_file(self) -> AtomicFile:
        """Create the file under a temporary name."""
        return AtomicFile.create(self.path, overwrite=self.overwrite)

    def describe(self, new: AtomicFile, origin: Response | Speech) -> SpeechFile:
        """Return the facts about the complete file.

        `origin` is the only response it came from, or its last part.
        """
        audio_format = self.speech.audio_format
        size = new.file.seek(0, os.SEEK_END)
        new.file.seek(0)
        if isinstance(origin, Response):
            found, duration = _identify(origin, new.file, audio_format)
            _require_format(origin, found, audio_format)
            metadata = response_metadata(origin)
        else:
            found, duration = identify_speech(new.file, audio_format)
            metadata = {"request_id": origin.request_id, "server": origin.server}
        return SpeechFile(
            path=str(new.path),
            format=found,
            media_type=SPEECH_MEDIA_TYPES[found],
            duration=duration,
            size=size,
            **metadata,
        )


@dataclass(frozen=True, slots=True)
class SpokenTextJob:
    """Requests for the sentences of a text that is still being written.

    Raises:
        UnsupportedError: If the service is known to refuse the options.
    """

    options: SpeechOptions
    capabilities: Capabilities

    def __post_init__(self) -> None:
        self.call("a")

    def call(self, sentence: str) -> tuple[str, Call[Speech]]:
        """Return a sentence for error messages, and its call."""
        request = speech_request(sentence, self.options, self.capabilities)
        read = functools.partial(read_part, audio_format=self.options.response_format)
        return f"The sentence {sentence!r:.60}", Call(request, read)

    def concatenate(self, file: OutputBuffer) -> Concatenation:
        """Return the writer that joins all sentences."""
        return Concatenation(self.options.response_format, file)


def append_part(concatenation: Concatenation, part: Speech) -> None:
    """Append a part, or raise `MalformedResponseError` if it does not fit the ones before."""
    try:
        concatenation.add(part.audio)
    except RecordingError as error:
        raise MalformedResponseError(
            f"The audio the service returned cannot be joined: {error}", request_id=part.request_id
        ) from error


def read_speech(response: Response, *, audio_format: str) -> Speech:
    """Return the speech of a response, whatever its format."""
    audio = require_audio(response).body
    found, duration = _identify(response, audio, audio_format)
    return Speech(
        audio=audio,
        format=found,
        media_type=SPEECH_MEDIA_TYPES[found],
        duration=duration,
        **response_metadata(response),
    )


def read_part(response: Response, *, audio_format: str) -> Speech:
    """Return the speech of a response that has to be in the requested format."""
    part = read_speech(response, audio_format=audio_format)
    _require_format(response, part.format, audio_format)
    return part


def _identify(response: Response, audio: Source, audio_format: str) -> tuple[str, float]:
    """Return the format and the duration in seconds of the audio of a response."""
    try:
        return identify_speech(audio, audio_format)
    except RecordingError as error:
        without_body = replace(response, body=b"")
        raise malformed_error(without_body, f"not with {audio_format}: {error}") from None


def _require_format(response: Response, found: str, audio_format: str) -> None:
    if found != audio_format:
        without_body = replace(response, body=b"")
        raise malformed_error(without_body, f"with {found}, when {audio_format} was requested")


def _place(number: int, part: TextSpan, count: int) -> str:
    last = part.start + len(part.text)
    return f"Part {number} of {count} of the text (characters {part.start + 1} to {last})"
