"""Leave out the tags between and behind the frames of a file that has no container.

ID3 (https://id3.org), APE (https://wiki.hydrogenaud.io/index.php?title=APE_Tags_Header) and
Lyrics3 (https://id3.org/Lyrics3v2). FFmpeg takes bytes of a cover for frames, and then misses the
frames of audio into which those seem to reach.
"""

import re
from collections.abc import Iterator
from heapq import merge
from itertools import islice
from typing import BinaryIO, NamedTuple

from apertis_audio_tools.audio.input.id3_tags import end_of_tags
from apertis_audio_tools.audio.input.sources import SourceContent

ID3V1_BYTES = 128
_LONG_ID3V1 = re.compile(rb"TAG\+.{223}TAG", re.DOTALL)
_LONG_ID3V1_BYTES = 227
_MARKS = re.compile(rb"TAG"), re.compile(rb"ID3")
"""Bytes in all tags. One expression for both would take four times as long."""
_MARK_BYTES = 3
_MAX_MARKS = 20_000
"""Marks that are examined. Live streams have one each few seconds."""
_APE, _APE_MARK = b"APETAGEX", 3
"""Bytes with which the header and the footer of an APE tag begin, and position of TAG in them."""
_LYRICS = b"LYRICSBEGIN"
_LYRICS_END = re.compile(rb"LYRICS(200|END)$")
_MAX_LYRICS_BYTES = 1_000_000
_AUDIO = re.compile(rb"\xff[\xe0-\xff]|\x0b\x77|TAG|ID3|APETAGEX|LYRICSBEGIN")
"""Bytes behind a tag: a frame of MPEG audio, AAC or AC-3, or another tag."""
_ID3_HEAD = re.compile(rb"ID3..(.)([\x00-\x7f]{4})", re.DOTALL)
_ID3_HAS_FOOTER = 0x10
_APE_HEAD_BYTES = 32
_APE_IS_HEADER = 1 << 29
_APE_ITEM = re.compile(rb".{8}[ -~]{2,255}\0", re.DOTALL)
_MAX_ITEM_HEAD_BYTES = 1 << 9
_MAX_PADDING_BYTES = 1 << 12
"""Zeros behind a tag that belong to it."""
_READ_BYTES = 1 << 20


class _Range(NamedTuple):
    """Positions at which a tag begins and ends."""

    start: int
    end: int


def without_inner_tags(content: SourceContent) -> SourceContent:
    """Return a file of frames without its tags, except those in front and one ID3v1 at the end.

    Any other recording is returned as it is.
    """
    with content.open() as stream:
        start = end_of_tags(stream)
        if not _AUDIO.match(_read(stream, start, _MAX_PADDING_BYTES).lstrip(b"\0")):
            return content
        tags = list(_find_tags(stream, start, content.size))
    if not tags or tags == [(content.size - ID3V1_BYTES, content.size)]:
        return content
    return content.without(tags)


def _read(stream: BinaryIO, position: int, size: int) -> bytes:
    stream.seek(position)
    return stream.read(size)


def _find_tags(stream: BinaryIO, position: int, size: int) -> Iterator[_Range]:
    end = position
    for mark in islice(_find_marks(stream, position, size), _MAX_MARKS):
        tag = _read_tag(stream, mark) if mark >= end else None
        if tag is None or not end < tag.end <= size:
            continue
        padded = _end_of_padding(stream, tag.end)
        if padded is not None:
            yield _Range(max(tag.start, end), padded)
            end = padded


def _find_marks(stream: BinaryIO, position: int, size: int) -> Iterator[int]:
    """Yield the positions of what may be in tags, in order."""
    while position < size:
        data = _read(stream, position, _READ_BYTES + _MARK_BYTES - 1)
        found = merge(*(mark.finditer(data) for mark in _MARKS), key=re.Match.start)
        yield from (position + match.start() for match in found)
        position += _READ_BYTES


def _read_tag(stream: BinaryIO, mark: int) -> _Range | None:
    """Return the tag around a mark, if there is one."""
    start = max(mark - _APE_MARK, 0)
    head = _read(stream, start, _LONG_ID3V1_BYTES + _APE_MARK + _MARK_BYTES)
    if head.startswith(_APE):
        return _read_ape(stream, head, start)
    head = head[mark - start :]
    if match := _ID3_HEAD.match(head):
        return _read_id3(match, mark)
    if head.startswith(b"ID3"):
        return None
    length = _LONG_ID3V1_BYTES if _LONG_ID3V1.match(head) else ID3V1_BYTES
    return _Range(_start_of_lyrics(stream, mark), mark + length)


def _read_id3(head: re.Match[bytes], position: int) -> _Range:
    length = 0
    for byte in head[2]:
        length = length << 7 | byte
    heads = 2 if head[1][0] & _ID3_HAS_FOOTER else 1
    return _Range(position, position + heads * head.end() + length)


def _read_ape(stream: BinaryIO, head: bytes, position: int) -> _Range | None:
    """Return the tag of a header or a footer, if its items are where it says."""
    size, _, flags = (int.from_bytes(head[at : at + 4], "little") for at in (12, 16, 20))
    end = position + _APE_HEAD_BYTES
    if flags & _APE_IS_HEADER:
        return _Range(position, end + size)
    items = end - size
    if items < 0 or not _APE_ITEM.match(_read(stream, items, _MAX_ITEM_HEAD_BYTES)):
        return None
    return _Range(items, end)


def _start_of_lyrics(stream: BinaryIO, end: int) -> int:
    """Return where the lyrics begin that end at a position, or the position if none do."""
    start = max(end - len(_LYRICS), 0)
    if not _LYRICS_END.search(_read(stream, start, end - start)):
        return end
    start = max(end - _MAX_LYRICS_BYTES, 0)
    at = _read(stream, start, end - start).rfind(_LYRICS)
    return end if at < 0 else start + at


def _end_of_padding(stream: BinaryIO, position: int) -> int | None:
    """Return where the audio goes on behind a tag, or None if it does not."""
    following = _read(stream, position, _MAX_PADDING_BYTES)
    audio = following.lstrip(b"\0")
    is_right = not audio or _AUDIO.match(audio) or _APE_ITEM.match(audio)
    return position + len(following) - len(audio) if is_right else None
