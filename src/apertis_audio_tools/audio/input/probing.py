"""What is in a recording: container, codec, duration; told by its bytes, never by its name."""

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import av
import av.container

from apertis_audio_tools.api.request import Upload
from apertis_audio_tools.audio.input.allowlist import DEMUXER_OPTIONS
from apertis_audio_tools.audio.input.mp4_edit_lists import duration_without_priming
from apertis_audio_tools.audio.input.ogg_chains import chain_links
from apertis_audio_tools.audio.input.packets import best_stream, decodable_streams, read_packets
from apertis_audio_tools.audio.input.sources import (
    Source,
    SourceContent,
    open_source,
    unreadable_error,
)
from apertis_audio_tools.errors import RecordingError, UnsupportedError

_BEFORE_19 = int(av.__version__.partition(".")[0]) < 19  # noqa: PLR2004  # says the name
_TAGS: dict[str, Any] = {"metadata_errors": "replace"} if _BEFORE_19 else {}
"""Tags are often not UTF-8; older versions of PyAV have to be told not to mind."""

_GUESSED = frozenset({"aac", "mpeg"})
"""Demuxers that guess the duration from the bit rate of the beginning."""

_MP4 = "mov,mp4,m4a,3gp,3g2,mj2"
_MATROSKA = "matroska,webm"
_ACCEPTED = {
    "mp3": ("mp3", "mpga", "mpeg"),
    "mp2": ("mpga", "mpeg"),
    "wav": ("wav",),
    "flac": ("flac",),
    "ogg": ("ogg",),
    "mp4": ("m4a", "mp4"),
    "webm": ("webm",),
    "mpeg": ("mpeg",),
}
"""The suffixes the service takes for each container, our choice first (API reference)."""

_MEDIA_TYPES = {
    "mp3": "audio/mpeg",
    "mpga": "audio/mpeg",
    "mpeg": "audio/mpeg",
    "m4a": "audio/mp4",
    "mp4": "audio/mp4",
    "ogg": "audio/ogg",
    "webm": "audio/webm",
    "wav": "audio/wav",
    "flac": "audio/flac",
}
_MICROSECONDS = 1_000_000
_EBML_HEAD = 64


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording and what its bytes say of it.

    Attributes:
        content: The bytes.
        container: Such as ``mp3``, ``ogg``, ``mp4``, ``webm``, or FFmpeg's name for another.
        codec: FFmpeg's name for how the sound is coded.
        duration: Seconds.
        sample_rate: Hz.
        channels: How many.
    """

    content: SourceContent
    container: str
    codec: str
    duration: float
    sample_rate: int
    channels: int

    @property
    def label(self) -> str:
        """What messages call it."""
        return self.content.label

    @property
    def is_accepted(self) -> bool:
        """Whether the service takes this container as it is."""
        return self.container in _ACCEPTED

    def parts(self) -> list[SourceContent]:
        """The files it is chained of, as Ogg may be; nearly always it is only the one."""
        return chain_links(self.content) if self.container == "ogg" else [self.content]

    def digest(self) -> str:
        """The SHA-256 of its bytes, in hexadecimal.

        Raises:
            RecordingError: They cannot be read any more.
        """
        with map_av_errors(self.label), self.content.open() as stream:
            return hashlib.file_digest(cast("Any", stream), "sha256").hexdigest()

    def upload(self) -> Upload:
        """The recording as it is, under a name whose extension matches what it is.

        Raises:
            UnsupportedError: The service does not take this container.
        """
        if not self.is_accepted:
            raise UnsupportedError(
                f"{self.label} is {self.container} ({self.codec}), which the service does not "
                f"take; convert it to one of: {', '.join(sorted(_MEDIA_TYPES))}."
            )
        choices = _ACCEPTED[self.container]
        suffix = self.content.suffix if self.content.suffix in choices else choices[0]
        name = self.label if "." in self.label else "audio"
        stem = name.rpartition(".")[0] or "audio"
        return Upload(
            f"{stem}.{suffix}", _MEDIA_TYPES[suffix], self.content.size, self.content.open
        )


def probe(source: Source) -> Recording:
    """Find out what a source holds.

    Raises:
        RecordingError: It is missing, empty, or holds no sound that can be decoded.
    """
    content = open_source(source)
    with open_container(content) as container:
        stream = best_stream(container)
        codec = stream.codec_context
        return Recording(
            content=content,
            container=_container_name(container.format.name, codec.name, content),
            codec=codec.name,
            duration=_duration(container, content),
            sample_rate=codec.sample_rate,
            channels=codec.channels,
        )


@contextlib.contextmanager
def open_container(content: SourceContent) -> Iterator[av.container.InputContainer]:
    """FFmpeg's view of a content that has sound.

    Raises:
        RecordingError: It has none, or what it has is damaged beyond reading.
    """
    with (
        content.open() as stream,
        map_av_errors(content.label),
        _opened(stream, content.size) as container,
    ):
        if not container.streams.audio:
            raise RecordingError(f"{content.label} holds no sound.")
        if not decodable_streams(container):
            raise RecordingError(f"{content.label} holds sound in a coding unknown here.")
        yield container


@contextlib.contextmanager
def map_av_errors(label: str) -> Iterator[None]:
    """FFmpeg's errors, and those of reading, as sentences about a recording.

    Raises:
        RecordingError: There was one.
    """
    try:
        yield
    except av.error.FFmpegError as error:
        raise RecordingError(
            f"{label} is no audio file that can be decoded, whatever its name says "
            f"({error.strerror})."
        ) from error
    except OSError as error:
        raise unreadable_error(label, error) from error


def _opened(stream: BinaryIO, size: int) -> av.container.InputContainer:
    """FFmpeg's view of a stream, for which it has to obey only edit lists that hide sound.

    To obey one it makes its index of all packets anew: 20 MB for an hour of AAC in place of 6.
    """
    is_plain = duration_without_priming(stream, size) is not None
    options = {**DEMUXER_OPTIONS, "advanced_editlist": "0"} if is_plain else dict(DEMUXER_OPTIONS)
    stream.seek(0)
    container: av.container.InputContainer = av.open(
        stream, mode="r", container_options=options, **_TAGS
    )
    return container


def _container_name(demuxer: str, codec: str, content: SourceContent) -> str:
    if demuxer == _MP4:
        return "mp4"
    if demuxer == _MATROSKA:
        return "webm" if b"webm" in _head(content) else "matroska"
    return codec if demuxer == "mp3" and codec == "mp2" else demuxer


def _head(content: SourceContent) -> bytes:
    with content.open() as stream:
        return stream.read(_EBML_HEAD)


def _duration(container: av.container.InputContainer, content: SourceContent) -> float:
    """Seconds by the header, or by the packets where the header does not say, or only guesses."""
    name = container.format.name
    if name == "ogg" and len(parts := chain_links(content)) > 1:
        return sum(map(_link_duration, parts))
    if name == _MP4:
        with content.open() as file:
            seconds = duration_without_priming(file, content.size)
        if seconds is not None:
            return seconds
    if container.duration and name not in _GUESSED:
        return container.duration / _MICROSECONDS
    stream = best_stream(container)
    first = last = None
    for packet in read_packets(container, stream):
        if packet.pts is None:
            continue
        first = packet.pts if first is None else first
        last = packet.pts + (packet.duration or 0)
        unit = float(packet.time_base)
    if first is None or last is None:
        raise RecordingError(f"{content.label} holds no sound: there is not a single packet of it.")
    return max(float((last - first) * unit), 0.0)


def _link_duration(part: SourceContent) -> float:
    with open_container(part) as container:
        return _duration(container, part)
