"""The converter for MarkItDown: a recording as Markdown with timecodes."""

import threading
from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, BinaryIO

from markitdown import (
    DocumentConverter,
    DocumentConverterResult,
    FileConversionException,
    StreamInfo,
)

from apertis_audio_tools.concurrency import fork_safety
from apertis_audio_tools.errors import ApertisError
from apertis_audio_tools.files.discovery import SUFFIXES

if TYPE_CHECKING:
    from apertis_audio_tools.client import ApertisAudio

_AUDIO = (
    "aac ac3 aiff amr basic flac m4a mp3 mp4 mpeg ogg opus vnd.wave wav wave webm"
    " x-aiff x-caf x-flac x-m4a x-matroska x-ms-wma x-wav"
)
_VIDEO = "mp4 mpeg ogg quicktime webm x-matroska x-msvideo"
MEDIA_TYPES = frozenset(
    [*(f"audio/{name}" for name in _AUDIO.split()), *(f"video/{name}" for name in _VIDEO.split())]
)
"""What `SUFFIXES` are called in HTTP and in mail, with and without the x of former times."""


class RecordingConverter(DocumentConverter):
    """Transcribes what has the suffix or the media type of a recording; nothing else.

    Args:
        audio: The client, or None for one made at the first recording.
        options: Further arguments of its `transcribe`.
    """

    def __init__(self, audio: "ApertisAudio | None", options: Mapping[str, Any]) -> None:
        self._audio = audio
        self._options = options
        self._lock = fork_safety.ForkSafeLock()
        self._failed = threading.local()

    def accepts(self, file_stream: BinaryIO, stream_info: StreamInfo, **_: Any) -> bool:
        """Whether it is a recording, by what it is called; the stream is left alone."""
        del file_stream
        media_type = (stream_info.mimetype or "").partition(";")[0].strip().lower()
        return (stream_info.extension or "").lower() in SUFFIXES or media_type in MEDIA_TYPES

    def convert(
        self, file_stream: BinaryIO, stream_info: StreamInfo, **_: Any
    ) -> DocumentConverterResult:
        """The transcript.

        Raises:
            FileConversionException: With the sentence that says why there is none.
        """
        from apertis_audio_tools.plugins.timecoded import timecoded

        name = _name(file_stream, stream_info)
        try:
            transcript = self._client().transcribe((name, file_stream), **self._options)
        except ApertisError as error:
            self._failed.because = FileConversionException(str(error))
            raise self._failed.because from error
        title = " ".join(name.split())
        text = timecoded(transcript, between="\n\n")
        return DocumentConverterResult(f"# {title}\n\n{text}", title=title)

    def take_failure(self) -> FileConversionException | None:
        """Why the conversion that this thread has just tried did not succeed, if it did not."""
        failure: FileConversionException | None = getattr(self._failed, "because", None)
        self._failed.because = None
        return failure

    def _client(self) -> "ApertisAudio":
        from apertis_audio_tools.plugins.toolset import caching_client

        with self._lock:
            self._audio = self._audio or caching_client()
            return self._audio


class NoSubstitute(DocumentConverter):
    """Lets a failure end the conversion.

    MarkItDown goes on to its own audio converter otherwise, which makes an empty document of the
    recording, or sends it to another service.
    """

    def __init__(self, converter: RecordingConverter) -> None:
        self._converter = converter

    def accepts(self, file_stream: BinaryIO, stream_info: StreamInfo, **_: Any) -> bool:
        """Never.

        Raises:
            FileConversionException: The converter asked before has failed.
        """
        del file_stream, stream_info
        if failure := self._converter.take_failure():
            raise failure
        return False


def _name(file_stream: BinaryIO, stream_info: StreamInfo) -> str:
    own = getattr(file_stream, "name", None)
    if not stream_info.filename and isinstance(own, str):
        return PurePath(own).name
    return stream_info.filename or f"recording{stream_info.extension or ''}"
