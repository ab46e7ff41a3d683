"""Find out what a recording is, by its bytes and never by its name."""

import hashlib
from dataclasses import dataclass
from typing import Self

from apertis_audio_tools.api.request import Upload
from apertis_audio_tools.audio.input.frame_headers import ELEMENTARY_CONTAINERS
from apertis_audio_tools.audio.input.ogg_chains import chain_links
from apertis_audio_tools.audio.input.screening import open_screened
from apertis_audio_tools.audio.input.sources import Source, SourceContent
from apertis_audio_tools.audio.input.tracks import Track, map_av_errors, open_track, stamped_seconds
from apertis_audio_tools.audio.input.upload_formats import MEDIA_TYPES, find_upload_format
from apertis_audio_tools.audio.input.wav_layout import WavLayout, read_wav_layout
from apertis_audio_tools.errors import RecordingError, UnsupportedError
from apertis_audio_tools.models import MAX_UPLOAD_BYTES

_GUESSING_CONTAINERS = frozenset({"aac", "mpeg"})
"""Containers whose duration FFmpeg guesses from the bit rate of the beginning."""
_COUNTING_CONTAINERS = frozenset({"matroska", "webm"})
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
        notes: Sentences about what was noticed when it was opened.
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
    notes: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Name of the recording in messages."""
        return self.content.label

    @property
    def is_accepted(self) -> bool:
        """True if the service surely decodes this codec in this container."""
        return find_upload_format(self.container, self.codec) is not None

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
            UnsupportedError: If the service may not decode this codec in this container.
        """
        accepted = find_upload_format(self.container, self.codec)
        if accepted is None:
            raise UnsupportedError(
                f"{self.label} is {self.container} ({self.codec}), which the service does not "
                f"accept; convert it to one of: {', '.join(sorted(MEDIA_TYPES))}."
            )
        choices = accepted.suffixes
        suffix = self.content.suffix if self.content.suffix in choices else choices[0]
        name = self.label if "." in self.label else "audio"
        stem = name.rpartition(".")[0] or "audio"
        return Upload(f"{stem}.{suffix}", MEDIA_TYPES[suffix], self.content.size, self.content.open)


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
            duration = _duration(track, content.size)
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
        return _duration(track, link.size)


def _duration(track: Track, size: int) -> float:
    """Return seconds by the header, or by the packets if the header does not know or guesses."""
    if track.edited_seconds is not None:
        return track.edited_seconds
    is_guess = track.container in _GUESSING_CONTAINERS or (
        track.container in ELEMENTARY_CONTAINERS and size <= MAX_UPLOAD_BYTES
    )
    if track.demuxer.duration and not is_guess:
        # Matroska counts from 0 to the end, wherever the first time stamp is.
        is_counting = track.container in _COUNTING_CONTAINERS
        late = max(track.demuxer.start_time or 0, 0) if is_counting else 0
        return max(track.demuxer.duration - late, 0) / _MICROSECONDS
    seconds = stamped_seconds(track.packets())
    if seconds is None:
        raise RecordingError(
            f"{track.label} contains no audio: there is not a single packet of it."
        )
    return seconds
