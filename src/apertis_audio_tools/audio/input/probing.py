"""Find out what a recording is, by its bytes and never by its name."""

import hashlib
from dataclasses import dataclass
from typing import Self

from apertis_audio_tools.api.request import Upload
from apertis_audio_tools.audio.input.ogg_chains import chain_links
from apertis_audio_tools.audio.input.screening import open_screened
from apertis_audio_tools.audio.input.sources import Source, SourceContent
from apertis_audio_tools.audio.input.tracks import Track, map_av_errors, open_track, stamped_seconds
from apertis_audio_tools.audio.input.wav_layout import WavLayout, read_wav_layout
from apertis_audio_tools.errors import RecordingError, UnsupportedError

_GUESSING_CONTAINERS = frozenset({"aac", "mpeg"})
"""Containers whose duration FFmpeg guesses from the bit rate of the beginning."""

_ACCEPTED_SUFFIXES = {
    "mp3": ("mp3", "mpga", "mpeg"),
    "mp2": ("mpga", "mpeg"),
    "wav": ("wav",),
    "flac": ("flac",),
    "ogg": ("ogg",),
    "mp4": ("m4a", "mp4"),
    "webm": ("webm",),
    "mpeg": ("mpeg",),
}
"""The suffixes the service accepts for each container, our choice first (API reference)."""

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
_HASHED_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording and all that was found out about it when it was opened.

    A context manager, which closes the file. It is opened again if it is read after that.

    Attributes:
        content: The bytes.
        container: Name of the container, such as ``mp3``, ``ogg``, ``mp4`` or ``webm``.
        codec: FFmpeg's name of the codec.
        duration: Duration in seconds.
        sample_rate: Sample rate in Hz.
        channels: Number of channels.
        links: The recordings it is chained of, as Ogg may be; in nearly all cases only itself.
        wav_layout: Positions of the samples if they can be cut as bytes, or None.
        is_copyable: Whether its packets can be copied into pieces.
    """

    content: SourceContent
    container: str
    codec: str
    duration: float
    sample_rate: int
    channels: int
    links: tuple[SourceContent, ...]
    wav_layout: WavLayout | None
    is_copyable: bool

    @property
    def label(self) -> str:
        """Name of the recording in messages."""
        return self.content.label

    @property
    def is_accepted(self) -> bool:
        """True if the service accepts this container."""
        return self.container in _ACCEPTED_SUFFIXES

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.content.close()

    def digest(self) -> str:
        """Return the SHA-256 of the bytes, in hexadecimal."""
        with map_av_errors(self.label), self.content.open() as stream:
            digest = hashlib.sha256()
            while data := stream.read(_HASHED_BYTES):
                digest.update(data)
            return digest.hexdigest()

    def upload(self) -> Upload:
        """Return the unchanged recording, under a name whose extension matches its container.

        Raises:
            UnsupportedError: If the service does not accept this container.
        """
        if not self.is_accepted:
            raise UnsupportedError(
                f"{self.label} is {self.container} ({self.codec}), which the service does not "
                f"accept; convert it to one of: {', '.join(sorted(_MEDIA_TYPES))}."
            )
        choices = _ACCEPTED_SUFFIXES[self.container]
        suffix = self.content.suffix if self.content.suffix in choices else choices[0]
        name = self.label if "." in self.label else "audio"
        stem = name.rpartition(".")[0] or "audio"
        return Upload(
            f"{stem}.{suffix}", _MEDIA_TYPES[suffix], self.content.size, self.content.open
        )


def probe(source: Source, *, isolate: bool = False) -> Recording:
    """Return what a source contains.

    With `isolate`, a child process opens it first, with limits on its memory and time (Linux).

    Raises:
        RecordingError: If the source is missing, is empty, or has no audio that can be decoded.
    """
    content = open_screened(source, isolate=isolate)
    try:
        return _examine(content)
    except BaseException:
        content.close()
        raise


def _examine(content: SourceContent) -> Recording:
    with open_track(content) as track:
        links = chain_links(content) if track.container == "ogg" else (content,)
        layout = read_wav_layout(track, content)
        if layout is not None:
            duration = layout.seconds
        elif len(links) > 1:
            duration = sum(map(_link_duration, links))
        else:
            duration = _duration(track)
        return Recording(
            content,
            track.container,
            track.decoder.name,
            duration,
            track.decoder.sample_rate,
            track.decoder.channels,
            links,
            layout,
            track.is_copyable,
        )


def _link_duration(link: SourceContent) -> float:
    with open_track(link) as track:
        return _duration(track)


def _duration(track: Track) -> float:
    """Return seconds by the header, or by the packets if the header does not know or guesses."""
    if track.edited_seconds is not None:
        return track.edited_seconds
    if track.demuxer.duration and track.container not in _GUESSING_CONTAINERS:
        return track.demuxer.duration / _MICROSECONDS
    seconds = stamped_seconds(track.packets())
    if seconds is None:
        raise RecordingError(
            f"{track.label} contains no audio: there is not a single packet of it."
        )
    return seconds
