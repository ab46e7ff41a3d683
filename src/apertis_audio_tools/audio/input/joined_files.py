"""Files joined byte by byte, of which FFmpeg and players read only the first."""

import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from apertis_audio_tools.audio.input.mp4_movies import movie_starts
from apertis_audio_tools.audio.input.ogg_chains import link_starts
from apertis_audio_tools.audio.input.sources import SourceContent
from apertis_audio_tools.errors import RecordingError

_MAX_LINKS = 1_000
"""More than days of internet radio have. Each has to be opened by itself."""
_READ_BYTES = 1 << 20
_MAX_HEAD_BYTES = 40
_HEADS = {
    container: re.compile(head, re.DOTALL)
    for container, head in {
        "aiff": rb"FORM.{4}AIF[FC]",
        "amr": rb"#!AMR(?:-WB)?\n",
        "asf": rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c",
        "caf": rb"caff\0\x01\0\0",
        "dsf": rb"DSD \x1c\0{7}",
        "flac": rb"fLaC[\0\x80]\0\0\x22",
        "flv": rb"FLV\x01[\0-\x0f]\0\0\0\x09",
        "tta": rb"TTA1[\x01-\x03]\0",
        "voc": rb"Creative Voice File\x1a",
        "w64": rb"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0.{8}wave",
    }.items()
}
"""Beginnings of files, by container."""
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
"""Identifiers of the header of a Matroska file, and of all that follows (RFC 8794, RFC 9559)."""


def divide_joined_files(content: SourceContent, container: str) -> tuple[SourceContent, ...]:
    """Return the recordings that a file was joined of, in nearly all cases only itself.

    Raises:
        RecordingError: If there are more than any real file has.
    """
    starts = _find_starts(content, container)
    if len(starts) > _MAX_LINKS:
        raise RecordingError(
            f"{content.label} is joined of more than {_MAX_LINKS} recordings; send them one by one."
        )
    if len(starts) < 2:  # noqa: PLR2004  # two files were joined
        return (content,)
    ends = [*starts[1:], content.size]
    return tuple(
        content.window(start, end - start) for start, end in zip(starts, ends, strict=True)
    )


def _find_starts(content: SourceContent, container: str) -> Sequence[int]:
    with content.open() as stream:
        if container == "ogg":
            return link_starts(stream)
        if container == "mp4":
            return movie_starts(stream, content.size)
        if container in {"matroska", "webm"}:
            return list(_matroska_starts(stream))
        head = _HEADS.get(container)
        return list(_find_heads(stream, head)) if head else ()


def _find_heads(stream: BinaryIO, head: re.Pattern[bytes]) -> Iterator[int]:
    """Yield the positions at which a file begins."""
    position = 0
    while data := _read(stream, position, _READ_BYTES + _MAX_HEAD_BYTES):
        for match in head.finditer(data):
            if match.start() < _READ_BYTES:
                yield position + match.start()
        position += _READ_BYTES


def _matroska_starts(stream: BinaryIO) -> Iterator[int]:
    """Yield the positions of Matroska files whose size is known.

    FFmpeg reads on behind the others, which were written while they were recorded.
    """
    position = 0
    while _read(stream, position, len(_EBML)) == _EBML:
        yield position
        position = _end_of_element(stream, position)
        if not position or _read(stream, position, len(_SEGMENT)) != _SEGMENT:
            return
        position = _end_of_element(stream, position)
        if not position:
            return


def _end_of_element(stream: BinaryIO, position: int) -> int:
    """Return the end of an element whose identifier has four bytes, or 0 if it is unknown."""
    head = _read(stream, position + len(_EBML), 8)
    if not head or not head[0]:
        return 0
    length = 9 - head[0].bit_length()
    size = int.from_bytes(head[:length]) & ((1 << 7 * length) - 1)
    is_unknown = size == (1 << 7 * length) - 1
    return 0 if is_unknown else position + len(_EBML) + length + size


def _read(stream: BinaryIO, position: int, size: int) -> bytes:
    stream.seek(position)
    return stream.read(size)
