"""ID3 tags that cost more to read than their size suggests (https://id3.org/id3v2.4.0-structure)."""

import re
from typing import BinaryIO

from apertis_audio_tools.audio.input.sources import SourceContent
from apertis_audio_tools.errors import RecordingError

_TAG = re.compile(rb"ID3([\x02-\x04])[^\xff](.)([\x00-\x7f]{4})", re.DOTALL)
_HEAD_BYTES = 10
_HAS_FOOTER = 0x10
_LONG_FRAME = re.compile(rb"[A-Z0-9]{4}")
_PADDING = bytes(4)
_SHORT_HEAD_BYTES = 6
_SHORT_FRAME = re.compile(rb"[A-Z0-9]{3}")
_MAX_TAGS_BYTES = 8 << 20
"""Bytes of tags that FFmpeg may read, enough for any cover."""
_MAX_FRAMES = 1_000
"""Frames of a tag that FFmpeg may read. It compares each text with all before."""
_MAX_COST = 500_000_000
"""Frames times their bytes: FFmpeg compares their names, which may be long."""
_MAX_CHAPTER_BYTES = 1 << 16
"""Bytes of a chapter that FFmpeg may read, because a chapter consists of frames as well."""
_EMBEDDING_FORMATS = (
    b"FORM",  # AIFF
    b"DSD ",
    b"\x30\x26\xb2\x75",  # ASF
)
_ADTS = re.compile(rb"\xff[\xf0\xf1\xf8\xf9]")
"""Sync word of AAC without a container."""
_READ_BYTES = 1 << 20
_SHORT_VERSION, _SYNCSAFE_VERSION = 2, 4
"""Versions whose frames have short heads, and whose sizes have seven bits a byte."""


def without_costly_tags(content: SourceContent) -> SourceContent:
    """Return a recording without the tags in front of it if they are costly to read.

    Compressed frames may unpack to a thousand times their size, and thousands of texts take
    minutes.
    """
    with content.open() as stream:
        end, kept, is_costly = 0, 0, False
        while tag := _read_tag(stream, end):
            end = min(end + _HEAD_BYTES + tag[1] + tag[3], content.size)
            kept += tag[1]
            is_costly = is_costly or kept > _MAX_TAGS_BYTES or _is_costly(stream, tag)
        return content.window(end, content.size - end) if is_costly else content


def require_no_costly_tags(content: SourceContent) -> None:
    """Raise `RecordingError` for costly tags within audio of a format where FFmpeg reads them."""
    with content.open() as stream:
        _require_no_costly_tags(stream, content.label)


def end_of_tags(stream: BinaryIO) -> int:
    """Return the position behind the tags in front of a recording."""
    end = 0
    while tag := _read_tag(stream, end):
        end += _HEAD_BYTES + tag[1] + tag[3]
    return end


_Tag = tuple[int, int, int, int]
"""Version, size and flags of a tag, and the size of its footer."""


def _read_tag(stream: BinaryIO, position: int) -> _Tag | None:
    """Read the head of a tag, and leave the stream at its first frame."""
    stream.seek(position)
    match = _TAG.match(stream.read(_HEAD_BYTES))
    if match is None:
        return None
    version, flags = match[1][0], match[2][0]
    return version, _syncsafe(match[3]), flags, _HEAD_BYTES if flags & _HAS_FOOTER else 0


def _syncsafe(size: bytes) -> int:
    """Return the number in bytes of seven bits."""
    number = 0
    for byte in size:
        number = number << 7 | byte & 0x7F
    return number


def _is_costly(stream: BinaryIO, tag: _Tag) -> bool:
    """Return whether a tag has compressed, very many or malformed frames."""
    version, size, flags, _ = tag
    if flags & ~_HAS_FOOTER or size > _MAX_TAGS_BYTES:
        return True
    data = stream.read(size)
    position = 0
    for number in range(_MAX_FRAMES):
        if number * position > _MAX_COST:
            return True
        if position == len(data) or data.startswith(_PADDING, position):
            return False
        frame_size = _frame_size(data[position : position + _HEAD_BYTES], version)
        if not frame_size:
            return True
        position += frame_size
        if position > len(data):
            return True
    return True


def _frame_size(head: bytes, version: int) -> int:
    """Return the size of a frame with its head, or 0 if it is malformed or costly."""
    if version == _SHORT_VERSION:
        return _SHORT_HEAD_BYTES + int.from_bytes(head[3:6]) if _SHORT_FRAME.match(head) else 0
    field, flags = head[4:8], head[9:]
    if not _LONG_FRAME.match(head) or flags != b"\0":
        return 0
    size = int.from_bytes(field)
    if version == _SYNCSAFE_VERSION:
        if not field.isascii():
            return 0
        size = _syncsafe(field)
    is_costly = head.startswith(b"CHAP") and size > _MAX_CHAPTER_BYTES
    return 0 if is_costly else _HEAD_BYTES + size


def _require_no_costly_tags(stream: BinaryIO, label: str) -> None:
    head = stream.read(4)
    if head not in _EMBEDDING_FORMATS and not _ADTS.match(head):
        return
    for position in _find_tags(stream):
        tag = _read_tag(stream, position)
        start = stream.tell()
        frame = stream.read(4)
        stream.seek(start)
        if tag and _LONG_FRAME.match(frame) and _is_costly(stream, tag):
            raise RecordingError(
                f"{label} has ID3 tags that are compressed or too large; remove them first."
            )


def _find_tags(stream: BinaryIO) -> list[int]:
    """Return the positions of what may be tags."""
    positions, position, kept = [], 0, b""
    stream.seek(0)
    while data := stream.read(_READ_BYTES):
        data = kept + data
        positions += [position + match.start() for match in _TAG.finditer(data)]
        position += max(len(data) - _HEAD_BYTES + 1, 0)
        kept = data[-_HEAD_BYTES + 1 :]
    return positions
