"""Small files that claim to be, or unpack to, something enormous."""

import os
import struct
import zlib
from collections.abc import Callable

from support.hostile.claims import CLAIMS
from support.hostile.samples import samples

_PIXELS = 16_000
"""Width and height of a picture: three quarters of a gigabyte when unpacked."""

_COUNT = 10_000 if os.environ.get("APERTIS_LONG_TESTS") else 500
"""Tracks of a file with many."""


def _mp3_with_cover() -> bytes:
    return _id3_picture(_png()) + samples()["mp3"]


def _flac_with_cover() -> bytes:
    return _flac_picture(_png())


def _chain() -> bytes:
    return (_first_pages(1) + page(1, 1, 0, b"OpusTags" + bytes(8))) * 2_000


BOMBS: dict[str, Callable[[], bytes]] = {
    "mp3 with a cover": _mp3_with_cover,
    "flac with a cover": _flac_with_cover,
    "mp4 of many tracks": lambda: _many_tracks(_COUNT),
    "mkv of many tracks": lambda: _matroska(_COUNT // 10),
    "ogg of many streams": lambda: _first_pages(_COUNT) + samples()["ogg"],
    "chain of 2,000 oggs": _chain,
    "wav of 65,535 channels": lambda: _wav("<H", 22, 0xFFFF),
    "wav of 4 GHz": lambda: _wav("<I", 24, 0xFFFFFFFF),
    "wav of 0 Hz": lambda: _wav("<I", 24, 0),
    "wav of 4 GB": lambda: _wav("<I", 40, 0xFFFFFFFE),
    "midi": lambda: b"MThd\0\0\0\6\0\1\0\1\0\x60MTrk\0\0\0\4\0\xff\x2f\0",
    **CLAIMS,
}
"""Functions that make each file, by its description."""


def _wav(form: str, at: int, value: int) -> bytes:
    data = bytearray(samples()["wav"])
    struct.pack_into(form, data, at, value)
    return bytes(data)


def _zeros(count: int, times: int) -> bytes:
    """Return a zlib stream of zeros, made of one part that is repeated."""
    packer = zlib.compressobj(9, wbits=-15)
    part = packer.compress(bytes(count)) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = (count * times % 65_521) << 16 | 1
    return b"\x78\xda" + part * times + b"\3\0" + struct.pack(">I", checksum)


def _png() -> bytes:
    """Return a black picture."""
    rows = _zeros((1 + _PIXELS * 3) * 100, _PIXELS // 100)
    head = struct.pack(">IIBBBBB", _PIXELS, _PIXELS, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )


def _id3_picture(picture: bytes) -> bytes:
    frame = b"\0image/png\0\3\0" + picture
    tag = b"APIC" + struct.pack(">I", len(frame)) + b"\0\0" + frame
    size = bytes(len(tag) >> shift & 127 for shift in (21, 14, 7, 0))
    return b"ID3\3\0\0" + size + tag


def _flac_picture(picture: bytes) -> bytes:
    kind = struct.pack(">II", 3, 9) + b"image/png" + struct.pack(">I", 0)
    shape = struct.pack(">IIIII", _PIXELS, _PIXELS, 24, 0, len(picture))
    block = kind + shape + picture
    data = samples()["flac"]
    return data[:4] + b"\6" + struct.pack(">I", len(block))[1:] + block + data[4:]


def _many_tracks(count: int) -> bytes:
    data = samples()["m4a"]
    track, movie = data.index(b"trak") - 4, data.index(b"moov") - 4
    (track_size,) = struct.unpack_from(">I", data, track)
    (movie_size,) = struct.unpack_from(">I", data, movie)
    repeated = bytearray(data[:track] + data[track : track + track_size] * count)
    repeated += data[track + track_size :]
    struct.pack_into(">I", repeated, movie, movie_size + track_size * (count - 1))
    return bytes(repeated)


def element(name: str, data: bytes) -> bytes:
    return bytes.fromhex(name) + b"\1" + struct.pack(">Q", len(data))[1:] + data


def _matroska(count: int) -> bytes:
    kind = element("83", b"\2") + element("86", b"A_AAC") + element("63A2", b"\x14\x08")
    audio = element("E1", element("B5", struct.pack(">d", 16_000)) + element("9F", b"\1"))
    numbers = (struct.pack(">I", number) for number in range(1, count + 1))
    tracks = (
        element("AE", element("D7", number) + element("73C5", number) + kind + audio)
        for number in numbers
    )
    cluster = element("1F43B675", element("E7", b"\0") + element("A3", b"\x40\1\0\0\x80data"))
    head = element("1A45DFA3", element("4282", b"matroska"))
    return head + element("18538067", element("1654AE6B", b"".join(tracks)) + cluster)


def _first_pages(count: int) -> bytes:
    """Return the first pages of a number of Opus streams."""
    head = b"OpusHead\1\1\x38\1\x80\xbb\0\0\0\0\0"
    return b"".join(page(number, 0, 2, head) for number in range(1, count + 1))


def page(stream: int, number: int, flags: int, data: bytes) -> bytes:
    """Return a page of Ogg (RFC 3533, section 6)."""
    whole, rest = divmod(len(data), 255)
    segments = b"\xff" * whole + (b"" if whole == 255 else bytes([rest]))  # 255: it goes on
    head = b"OggS\0" + struct.pack("<BqIII", flags, 0, stream, number, 0)
    head += bytes([len(segments)]) + segments
    return head[:22] + struct.pack("<I", _checksum(head + data)) + head[26:] + data


def _checksum(data: bytes) -> int:
    checksum = 0
    for byte in data:
        checksum = (checksum << 8 & 0xFFFFFFFF) ^ _CHECKSUMS[checksum >> 24 ^ byte]
    return checksum


def _checksum_of_byte(byte: int) -> int:
    checksum = byte << 24
    for _ in range(8):
        checksum = checksum << 1 ^ (0x104C11DB7 if checksum & 0x80000000 else 0)
    return checksum


_CHECKSUMS = [_checksum_of_byte(byte) for byte in range(256)]
