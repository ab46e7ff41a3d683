"""Tags before, behind and between the frames of a file: where the audio goes on.

ID3 (https://id3.org), APE (https://wiki.hydrogenaud.io/index.php?title=APE_Tags_Header) and
Lyrics3 (https://id3.org/Lyrics3v2).
"""

from typing import BinaryIO

ID3V1_BYTES = 128
_ID3V1, _ID3, _APE = b"TAG", b"ID3", b"APETAGEX"
_ID3_HEAD_BYTES = 10
_ID3_HAS_FOOTER = 0x10
_APE_HEAD_BYTES = 32
_APE_HAS_HEADER, _APE_IS_HEADER = 1 << 31, 1 << 29
_LYRICS_END = b"LYRICS200"
_LYRICS_SIZE_BYTES = 6


def skip_tags(stream: BinaryIO, position: int, size: int) -> int:
    """Return where the audio goes on behind the tags at a position, if there are any.

    It is the size of the file if there is nothing but tags up to its end.
    """
    while length := _length_from(_read(stream, position, _APE_HEAD_BYTES)):
        position += length
    return size if position >= _tags_start(stream, size) else position


def _read(stream: BinaryIO, position: int, size: int) -> bytes:
    stream.seek(max(position, 0))
    return stream.read(size)


def _length_from(head: bytes) -> int:
    """Return the bytes of a tag that begins with some bytes, or 0 if none does."""
    if head.startswith(_ID3) and len(head) >= _ID3_HEAD_BYTES:
        length = 0
        for byte in head[6:_ID3_HEAD_BYTES]:
            length = length << 7 | byte & 0x7F
        return _ID3_HEAD_BYTES * (2 if head[5] & _ID3_HAS_FOOTER else 1) + length
    if head.startswith(_APE) and len(head) == _APE_HEAD_BYTES:
        length, flags = _ape_fields(head)
        return _APE_HEAD_BYTES + (length if flags & _APE_IS_HEADER else 0)
    return ID3V1_BYTES if head.startswith(_ID3V1) else 0


def _tags_start(stream: BinaryIO, size: int) -> int:
    """Return where the tags begin that a file ends with."""
    end = size
    while length := _length_to(stream, end):
        end -= length
    return end


def _length_to(stream: BinaryIO, end: int) -> int:
    """Return the bytes of a tag that ends at a position, or 0 if none does."""
    if end < ID3V1_BYTES:
        return 0
    tail = _read(stream, end - ID3V1_BYTES, ID3V1_BYTES)
    if tail.startswith(_ID3V1):
        return ID3V1_BYTES
    foot = tail[-_APE_HEAD_BYTES:]
    if foot.startswith(_APE):
        length, flags = _ape_fields(foot)
        return min(length + (_APE_HEAD_BYTES if flags & _APE_HAS_HEADER else 0), end)
    digits = tail[-len(_LYRICS_END) - _LYRICS_SIZE_BYTES : -len(_LYRICS_END)]
    if tail.endswith(_LYRICS_END) and digits.isdigit():
        return min(int(digits) + len(digits) + len(_LYRICS_END), end)
    return 0


def _ape_fields(head: bytes) -> tuple[int, int]:
    """Return the bytes of the items and the footer of an APE tag, and its flags."""
    return int.from_bytes(head[12:16], "little"), int.from_bytes(head[20:24], "little")
