"""Limits on what FFmpeg may take to open a recording.

FFmpeg compares each tag with all before it, so that a few megabytes of tags take minutes. Most
demuxers read tag by tag, and end when reading fails. That of Matroska reads all tags first, and so
do those of FLAC and Ogg; see `vorbis_comments`.
"""

import time
from typing import BinaryIO

from apertis_audio_tools.audio.input.sources import SourceContent
from apertis_audio_tools.errors import RecordingError

_SECONDS = 1.0
_BYTES_PER_SECOND = 25 << 20
"""A recording may take a second of processor time, and another for each 25 MiB."""
_EBML = b"\x1a\x45\xdf\xa3"
_MATROSKA_ENTRIES = (b"\x45\xa3", b"\x73\xc4")
"""Identifiers of the name of a tag, and of a chapter."""
_MAX_MATROSKA_ENTRIES = 3_000
"""In a megabyte of audio each identifier appears 16 times by chance, and FFmpeg reads 5."""


class OpeningStream:
    """A stream that FFmpeg reads, which ends if opening the recording costs too much."""

    def __init__(self, stream: BinaryIO, content: SourceContent) -> None:
        self._stream = stream
        self._label = content.label
        self._seconds = _SECONDS + content.size / _BYTES_PER_SECOND
        self._start = time.thread_time()
        self._is_open = self._is_exceeded = False
        self._entries = 0
        self.is_matroska: bool = stream.read(len(_EBML)) == _EBML
        stream.seek(0)
        self.seek, self.tell = stream.seek, stream.tell

    def read(self, size: int) -> bytes:
        """Return bytes of the recording, or none if opening it has cost too much."""
        data = self._stream.read(size)
        if self._is_open:
            return data
        if self.is_matroska:
            self._entries += sum(map(data.count, _MATROSKA_ENTRIES))
        seconds = time.thread_time() - self._start
        if seconds > self._seconds or self._entries > _MAX_MATROSKA_ENTRIES:
            self._is_exceeded = True
        return b"" if self._is_exceeded else data

    def finish_opening(self) -> None:
        """Let an open recording be read without limits.

        Raises:
            RecordingError: If opening it has cost too much.
        """
        self._is_open = True
        if self._is_exceeded:
            raise RecordingError(
                f"{self._label} has so many tags or other entries that opening it takes too long; "
                f"remove them, or convert it, for example to mp3."
            )
