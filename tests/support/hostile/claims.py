"""Recordings of kilobytes that claim or unpack to gigabytes: MP4 indexes and ID3 tags."""

import functools
import struct
import zlib
from collections.abc import Callable

from support.hostile.samples import samples

_SAMPLES = 25_000_000
_EDITS = 200
_UNPACKED = 100 << 20


def box(kind: bytes, *parts: bytes) -> bytes:
    """Return a box of an MP4 file."""
    content = b"".join(parts)
    return struct.pack(">I", 8 + len(content)) + kind + content


def full_box(kind: bytes, *numbers: int) -> bytes:
    """Return a box of version 0 that consists of numbers."""
    return box(kind, struct.pack(f">{len(numbers) + 1}I", 0, *numbers))


def _index(*tables: bytes, samples: int, edits: bytes = b"", more: bytes = b"") -> bytes:
    """Return the index of a movie of one track with uncompressed audio."""
    entry = b"\0" * 6 + struct.pack(">H8xHHHHI", 1, 1, 16, 0, 0, 16_000 << 16)
    table = box(b"stbl", box(b"stsd", struct.pack(">II", 0, 1), box(b"sowt", entry)), *tables)
    reference = box(b"dref", struct.pack(">II", 0, 1), full_box(b"url "))
    media = box(
        b"mdia",
        box(b"mdhd", struct.pack(">IIIIIHH", 0, 0, 0, 16_000, samples, 0x55C4, 0)),
        box(b"hdlr", bytes(8) + b"soun" + bytes(12) + b"a\0"),
        box(b"minf", box(b"smhd", bytes(8)), box(b"dinf", reference), table),
    )
    track = box(b"trak", box(b"tkhd", struct.pack(">6I60x", 7, 0, 0, 1, 0, samples)), edits, media)
    head = box(b"mvhd", struct.pack(">5I80x", 0, 0, 0, 16_000, samples))
    return box(b"moov", head, track, more)


def _tables(samples: int, *, ticks: int = 2, per_chunk: int | None = None) -> list[bytes]:
    return [
        full_box(b"stts", 1, samples, ticks),
        full_box(b"stsc", 1, 1, samples if per_chunk is None else per_chunk, 1),
        full_box(b"stsz", 2, samples),
        full_box(b"stco", 1, 40),
    ]


_START = box(b"ftyp", b"qt  \0\0\2\0qt  ") + box(b"mdat", bytes(range(256)) * 8)


def _index_claims() -> bytes:
    return _START + _index(*_tables(_SAMPLES), samples=_SAMPLES)


def _free_box_first() -> bytes:
    return box(b"abcd") + _index_claims()


def _two_tracks() -> bytes:
    each = _index(*_tables(900_000), samples=900_000)
    track = each[each.index(b"trak") - 4 :]
    return _START + box(b"moov", each[8 : -len(track)], *[track] * 20)


def _chunk_claims() -> bytes:
    tables = _tables(_SAMPLES, ticks=1, per_chunk=10_000_000)
    tables[-1] = full_box(b"stco", 3_000, *[40] * 3_000)
    return _START + _index(*tables, samples=_SAMPLES)


def _fragment_claims() -> bytes:
    extends = box(b"mvex", full_box(b"trex", 1, 1, 1024, 2, 0))
    run = box(b"traf", box(b"tfhd", struct.pack(">II", 0x20000, 1)), full_box(b"trun", _SAMPLES))
    return (
        box(b"ftyp", b"isom\0\0\2\0isomiso2mp41")
        + _index(
            *(full_box(kind, 0) for kind in (b"stts", b"stsc", b"stco")),
            full_box(b"stsz", 0, 0),
            samples=0,
            more=extends,
        )
        + box(b"moof", full_box(b"mfhd", 1), run)
        + box(b"mdat", bytes(2_000))
    )


def _compressed_index() -> bytes:
    size = 600 << 20
    movie = _index(*_tables(10), samples=10)
    whole = struct.pack(">I", len(movie) + size + 8) + movie[4:] + struct.pack(">I", size + 8)
    packed = _packed(whole + b"free", size)
    length = struct.pack(">I", len(whole) + 4 + size)
    content = box(b"cmov", box(b"dcom", b"zlib"), box(b"cmvd", length, packed))
    return _START + box(b"moov", content)


def _many_edits() -> bytes:
    edit = struct.pack(">IiHH", 0x7FFFFFFF, 0, 1, 0)
    edits = box(b"edts", box(b"elst", struct.pack(">II", 0, _EDITS), edit * _EDITS))
    return _START + _index(*_tables(400_000), samples=400_000, edits=edits)


def _packed(start: bytes, size: int, unit: bytes = b"\0") -> bytes:
    """Return bytes followed by `size` others, compressed."""
    packer = zlib.compressobj(9)
    parts = [packer.compress(start)]
    parts += [packer.compress(unit * (1 << 20)) for _ in range(size >> 20)]
    return b"".join(parts) + packer.flush()


def syncsafe(number: int) -> bytes:
    """Return a number of an ID3 tag, in bytes of seven bits."""
    return bytes(number >> shift & 127 for shift in (21, 14, 7, 0))


def tag(*frames: bytes, version: int = 4) -> bytes:
    """Return an ID3 tag."""
    content = b"".join(frames)
    return b"ID3" + bytes([version, 0, 0]) + syncsafe(len(content)) + content


def frame(kind: bytes, content: bytes, *, flags: int = 0) -> bytes:
    """Return a frame of ID3v2.4."""
    return kind + syncsafe(len(content)) + bytes([0, flags]) + content


@functools.cache
def _packed_tag(version: int = 4) -> bytes:
    frames = []
    for number in range(3):
        packed = _packed(b"\3key%d\0" % number, _UNPACKED, b"a")
        if version == 4:
            frames.append(frame(b"TXXX", syncsafe(_UNPACKED + 6) + packed, flags=9))
        else:
            content = struct.pack(">I", _UNPACKED + 6) + packed
            frames.append(b"TXXX" + struct.pack(">I", len(content)) + b"\0\x80" + content)
    return tag(*frames, version=version)


def many_texts(count: int) -> bytes:
    """Return a tag of many texts."""
    return tag(*(frame(b"TXXX", b"\3%07d\0a" % number) for number in range(count)))


CLAIMS: dict[str, Callable[[], bytes]] = {
    "mp4 index": _index_claims,
    "mp4 index behind an unknown box": _free_box_first,
    "mp4 index of many tracks": _two_tracks,
    "mp4 chunks": _chunk_claims,
    "mp4 fragment": _fragment_claims,
    "mp4 compressed index": _compressed_index,
    "mp4 edits": _many_edits,
    "mp3 with packed tag": lambda: _packed_tag() + samples()["mp3"],
    "mp3 with packed tag of version 3": lambda: _packed_tag(3) + samples()["mp3"],
    "mp3 with two tags": lambda: tag(frame(b"TIT2", b"\3talk")) + _packed_tag() + samples()["mp3"],
    "flac with packed tag": lambda: _packed_tag() + samples()["flac"],
    "aac with packed tag": lambda: samples()["aac"] + _packed_tag() + samples()["aac"],
    "wav with packed tag": lambda: _wav(_packed_tag()),
    "mp3 with many texts": lambda: many_texts(50_000) + samples()["mp3"],
}
"""Functions that make each file, by its description."""


def _wav(content: bytes) -> bytes:
    data = samples()["wav"]
    head = b"id3 " + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
    return data[:12] + head + data[12:]
