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
from apertis_audio_tools.files.discovery import SUFFIXES
from apertis_audio_tools.text.markdown import escape_markdown, one_line
from apertis_audio_tools.text.subtitles import format_line

if TYPE_CHECKING:
    from apertis_audio_tools.client import ApertisAudio

_AUDIO = (
    "3gpp 3gpp2 aac ac3 aiff amr basic flac m4a mp3 mp4 mpeg ogg opus vnd.wave wav wave webm"
    " x-aiff x-caf x-flac x-m4a x-matroska x-ms-wma x-wav"
)
_VIDEO = "3gpp 3gpp2 mp4 mpeg ogg quicktime webm x-flv x-m4v x-matroska x-ms-asf x-ms-wmv x-msvideo"
MEDIA_TYPES = frozenset(
    [*(f"audio/{name}" for name in _AUDIO.split()), *(f"video/{name}" for name in _VIDEO.split())]
)
"""Media types of the files with one of the `SUFFIXES`, with and without the former x- prefix."""


class RecordingConverter(DocumentConverter):
    """Converter of files with the suffix or the media type of a recording.

    Args:
        client: Client to use; None for a client that is made at the first recording.
        options: Fields of `TranscriptionOptions`.
    """

    def __init__(self, client: "ApertisAudio | None", options: Mapping[str, object]) -> None:
        self._client = client
        self._options = options
        self._lock = fork_safety.ForkSafeLock()
        self._thread_local = threading.local()

    def accepts(self, file_stream: BinaryIO, stream_info: StreamInfo, **_: object) -> bool:
        """Return whether suffix or media type are those of a recording; the stream is not read."""
        del file_stream
        media_type = (stream_info.mimetype or "").partition(";")[0].strip().lower()
        return (stream_info.extension or "").lower() in SUFFIXES or media_type in MEDIA_TYPES

    def convert(
        self, file_stream: BinaryIO, stream_info: StreamInfo, **_: object
    ) -> DocumentConverterResult:
        """Transcribe a recording, or raise `FileConversionException`."""
        from apertis_audio_tools.api.options import TranscriptionOptions
        from apertis_audio_tools.plugins.toolset import NO_SPEECH

        name = _file_name(file_stream, stream_info)
        fields: dict[str, Any] = dict(self._options)
        try:
            options = TranscriptionOptions(**fields)
            transcript = self._get_client().transcribe_with((name, file_stream), options)
        except Exception as error:  # any failure; see `FailureGuard`
            self._thread_local.failure = FileConversionException(str(error))
            raise self._thread_local.failure from error
        title = one_line(name)
        lines = [
            format_line(passage.start, escape_markdown(passage.text))
            for passage in transcript.passages()
        ]
        text = "\n\n".join(lines) or NO_SPEECH
        return DocumentConverterResult(f"# {escape_markdown(title)}\n\n{text}", title=title)

    def take_failure(self) -> FileConversionException | None:
        """Return and forget the error of the last conversion in this thread, if it failed."""
        failure: FileConversionException | None = getattr(self._thread_local, "failure", None)
        self._thread_local.failure = None
        return failure

    def _get_client(self) -> "ApertisAudio":
        from apertis_audio_tools.plugins.toolset import caching_client

        with self._lock:
            self._client = self._client or caching_client()
            return self._client


class FailureGuard(DocumentConverter):
    """Converter that ends the conversion after a failure of `RecordingConverter`.

    Otherwise MarkItDown would use its own audio converter, which returns an empty document, or
    sends the recording to another service.
    """

    def __init__(self, converter: RecordingConverter) -> None:
        self._converter = converter

    def accepts(self, file_stream: BinaryIO, stream_info: StreamInfo, **_: object) -> bool:
        """Return False; raise the error of the recording converter if that has failed."""
        del file_stream, stream_info
        if failure := self._converter.take_failure():
            raise failure
        return False


def _file_name(file_stream: BinaryIO, stream_info: StreamInfo) -> str:
    path = getattr(file_stream, "name", None)
    if not stream_info.filename and isinstance(path, str):
        return PurePath(path).name
    return stream_info.filename or f"recording{stream_info.extension or ''}"
