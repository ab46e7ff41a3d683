"""Recordings with so many tags, chapters or index entries that reading them takes for ever."""

import struct
from collections.abc import Callable, Iterable

from support.hostile.bombs import element, page
from support.hostile.claims import box, frame, full_box, tag
from support.hostile.samples import samples

COUNT = 100_000
"""Entries: a file of a few megabytes, whose tags alone would take minutes of processor time."""


def vorbis_comments(count: int, *, key: bytes = b"", value: bytes = b"a") -> bytes:
    """Return a block of Vorbis comments, whose keys are the same if `key` is given."""
    texts = ((key or b"key%d" % number) + b"=" + value for number in range(count))
    entries = (struct.pack("<I", len(text)) + text for text in texts)
    return struct.pack("<I", 0) + struct.pack("<I", count) + b"".join(entries)


def flac_with(*blocks: bytes) -> bytes:
    """Return a recording of FLAC with blocks of comments."""
    data = samples()["flac"]
    packed = (b"\4" + struct.pack(">I", len(block))[1:] + block for block in blocks)
    return (
        data[:42].replace(b"fLaC\x80", b"fLaC\0") + b"".join(packed) + b"\x81\0\0\0" + _frames(data)
    )


def _frames(flac: bytes) -> bytes:
    position, is_last = 4, False
    while not is_last:
        is_last = bool(flac[position] & 0x80)
        position += 4 + int.from_bytes(flac[position + 1 : position + 4])
    return flac[position:]


def _ogg(head: bytes, comments: bytes) -> bytes:
    """Return a stream of Ogg whose second packet is large, on pages of 255 segments."""
    pages, number = [page(1, 0, 2, head)], 1
    for start in range(0, len(comments), 255 * 255):
        part = comments[start : start + 255 * 255]
        pages.append(page(1, number, 1 if start else 0, part))
        number += 1
    return b"".join([*pages, page(1, number, 0, b"\xfc" + bytes(50))])


def ogg_with(comments: bytes) -> bytes:
    """Return a recording of Opus with comments."""
    return _ogg(b"OpusHead\1\1\x38\1\x80\xbb\0\0\0\0\0", b"OpusTags" + comments)


def _vorbis(comments: bytes) -> bytes:
    head = b"\1vorbis" + struct.pack("<IBIIII", 0, 1, 48_000, 0, 64_000, 0) + b"\xb8\1"
    return _ogg(head, b"\3vorbis" + comments + b"\1")


def _flac_in_ogg(comments: bytes) -> bytes:
    head = b"\x7fFLAC\1\0\0\1" + samples()["flac"][:42]
    return _ogg(head, b"\4" + struct.pack(">I", len(comments))[1:] + comments)


def _speex(comments: bytes) -> bytes:
    head = b"Speex   " + b"1.2".ljust(20, b"\0")
    numbers = struct.pack("<13I", 1, 80, 16_000, 1, 4, 1, 16_000, 320, 0, 1, 0, 0, 0)
    return _ogg(head + numbers, comments)


def _matroska(kind: str, entries: Iterable[bytes]) -> bytes:
    """Return a film of Matroska with a list of many entries."""
    track = (
        element("D7", b"\1")
        + element("73C5", b"\1")
        + element("83", b"\2")
        + element("86", b"A_PCM/INT/LIT")
        + element("E1", element("B5", struct.pack(">d", 16_000)) + element("6264", b"\x10"))
    )
    tracks = element("1654AE6B", element("AE", track))
    cluster = element(
        "1F43B675", element("E7", b"\0") + element("A3", b"\x81\0\0\x80" + bytes(640))
    )
    head = element("1A45DFA3", element("4282", b"matroska"))
    return head + element("18538067", tracks + element(kind, b"".join(entries)) + cluster)


def _small(identifier: str, data: bytes) -> bytes:
    return bytes.fromhex(identifier) + bytes([0x80 | len(data)]) + data


def _matroska_tags(count: int) -> bytes:
    tags = (
        _small("67C8", _small("45A3", b"key%d" % number) + _small("4487", b"a"))
        for number in range(count)
    )
    return _matroska("1254C367", [element("7373", b"".join(tags))])


def _matroska_chapters(count: int) -> bytes:
    atoms = (
        _small("B6", _small("73C4", struct.pack(">I", count - number)) + _small("91", b"\1"))
        for number in range(count)
    )
    return _matroska("1043A770", [element("45B9", b"".join(atoms))])


def _matroska_cues(count: int) -> bytes:
    cues = (
        _small(
            "BB",
            _small("B3", struct.pack(">I", count - number))
            + _small("B7", _small("F7", b"\1") + _small("F1", b"\1")),
        )
        for number in range(count)
    )
    return _matroska("1C53BB6B", cues)


def _matroska_attachments(count: int) -> bytes:
    file = _small("466E", b"a") + _small("4660", b"text/plain") + _small("465C", b"a")
    return _matroska("1941A469", [_small("61A7", file + _small("46AE", b"\1"))] * count)


def _mp4(*boxes: bytes) -> bytes:
    data = samples()["m4a"]
    at = data.index(b"moov") - 4
    (size,) = struct.unpack_from(">I", data, at)
    more = b"".join(boxes)
    return (
        data[:at]
        + struct.pack(">I", size + len(more))
        + data[at + 4 : at + size]
        + more
        + data[at + size :]
    )


def _mp4_tags(count: int) -> bytes:
    handler = full_box(b"hdlr", 0, int.from_bytes(b"mdir"), 0, 0, 0)
    tags = (
        box(
            b"----",
            box(b"mean", bytes(4), b"com.a"),
            box(b"name", bytes(4), b"key%d" % number),
            box(b"data", struct.pack(">II", 1, 0), b"a"),
        )
        for number in range(count)
    )
    return _mp4(box(b"udta", box(b"meta", bytes(4), handler, box(b"ilst", *tags))))


def _mp4_texts(count: int) -> bytes:
    """Return a file whose texts have a language each, so that each has a name of its own."""
    texts = (
        box(b"\xa9nam", struct.pack(">HH", 1, 0x400 + number % 30_000), b"a")
        for number in range(count)
    )
    return _mp4(box(b"udta", *texts))


def _mp4_keys(count: int) -> bytes:
    keys = b"".join(box(b"mdta", b"key%d" % number) for number in range(count))
    data = box(b"data", struct.pack(">II", 1, 0), b"a")
    values = b"".join(
        struct.pack(">II", 8 + len(data), number + 1) + data for number in range(count)
    )
    handler = full_box(b"hdlr", 0, int.from_bytes(b"mdta"), 0, 0, 0)
    listed = box(b"keys", struct.pack(">II", 0, count), keys)
    return _mp4(box(b"meta", handler, listed, box(b"ilst", values)))


def _ape(count: int) -> bytes:
    items = b"".join(struct.pack("<II", 1, 0) + b"key%d\0a" % number for number in range(count))
    numbers = struct.pack("<IIII8x", 2000, len(items) + 32, count, 0)
    return items + b"APETAGEX" + numbers


def _info(count: int) -> bytes:
    names = (
        struct.pack(">I", 0x41414141 + (number // 90 << 8) + number % 90) for number in range(count)
    )
    chunks = b"".join(name + struct.pack("<I", 2) + b"a\0" for name in names)
    return b"LIST" + struct.pack("<I", len(chunks) + 4) + b"INFO" + chunks


def _wav(count: int) -> bytes:
    data = samples()["wav"]
    return data[:12] + _info(count) + data[12:]


def _avi(count: int) -> bytes:
    data = samples()["avi"]
    at = data.index(b"movi") - 8
    return data[:at] + _info(count) + data[at:]


def _avi_index(count: int) -> bytes:
    data = samples()["avi"]
    entries = b"".join(
        b"00wb" + struct.pack("<III", 16, 4 + 16 * (count - number), 16) for number in range(count)
    )
    at = data.index(b"idx1")
    return data[:at] + b"idx1" + struct.pack("<I", len(entries)) + entries


def _asf(count: int) -> bytes:
    data = samples()["asf"]
    names = (f"k{number}".encode("utf-16-le") + b"\0\0" for number in range(count))
    value = "a".encode("utf-16-le") + b"\0\0"
    tags = b"".join(
        struct.pack("<H", len(name)) + name + struct.pack("<HH", 0, len(value)) + value
        for name in names
    )
    guid = bytes.fromhex("40A4D0D207E3D21197F000A0C95EA850")
    thing = guid + struct.pack("<QH", len(tags) + 26, min(count, 65_535)) + tags
    (size,) = struct.unpack_from("<Q", data, 16)
    (objects,) = struct.unpack_from("<I", data, 24)
    head = data[:16] + struct.pack("<QI", size + len(thing), objects + 1) + data[28:30]
    return head + thing + data[30:]


def _aiff(count: int) -> bytes:
    data = samples()["aiff"]
    return data[:12] + (b"ANNO\0\0\0\2a\0" * count) + data[12:]


def _id3_of_long_names(count: int) -> bytes:
    name = b"k" * 7_000
    return tag(*(frame(b"TXXX", b"\3" + name + b"%d\0a" % number) for number in range(count)))


def _flv(count: int) -> bytes:
    data = samples()["flv"]
    values = b"".join(
        struct.pack(">H", len(b"key%d" % number)) + b"key%d\2\0\1a" % number
        for number in range(count)
    )
    script = b"\2\0\nonMetaData\x08" + struct.pack(">I", count) + values + b"\0\0\x09"
    head = b"\x12" + struct.pack(">I", len(script))[1:] + bytes(7)
    return data[:13] + head + script + struct.pack(">I", len(script) + 11) + data[13:]


def _flv_index(count: int) -> bytes:
    data = samples()["flv"]

    def array(name: bytes, values: Iterable[float]) -> bytes:
        numbers = b"".join(b"\0" + struct.pack(">d", value) for value in values)
        return struct.pack(">H", len(name)) + name + b"\n" + struct.pack(">I", count) + numbers

    times = array(b"times", (float(count - number) for number in range(count)))
    places = array(b"filepositions", (float(number) for number in range(count)))
    frames = b"\0\x09keyframes\x03" + times + places + b"\0\0\x09"
    script = b"\2\0\nonMetaData\x08\0\0\0\1" + frames + b"\0\0\x09"
    head = b"\x12" + struct.pack(">I", len(script))[1:] + bytes(7)
    return data[:13] + head + script + struct.pack(">I", len(script) + 11) + data[13:]


METADATA: dict[str, Callable[[], bytes]] = {
    "flac comments": lambda: flac_with(vorbis_comments(COUNT)),
    "flac comments of one name": lambda: flac_with(
        vorbis_comments(900, key=b"a", value=b"b" * 17_000)
    ),
    "flac comments in many blocks": lambda: flac_with(
        *[vorbis_comments(2)] * 3, *[vorbis_comments(900)] * 15
    ),
    "opus comments": lambda: ogg_with(vorbis_comments(COUNT)),
    "vorbis comments": lambda: _vorbis(vorbis_comments(COUNT)),
    "flac in ogg comments": lambda: _flac_in_ogg(vorbis_comments(COUNT)),
    "speex comments": lambda: _speex(vorbis_comments(COUNT)),
    "mkv tags": lambda: _matroska_tags(COUNT),
    "mkv chapters": lambda: _matroska_chapters(COUNT),
    "mkv cues": lambda: _matroska_cues(COUNT),
    "mkv attachments": lambda: _matroska_attachments(COUNT),
    "mp4 tags": lambda: _mp4_tags(COUNT),
    "mp4 texts": lambda: _mp4_texts(COUNT),
    "mp4 keys": lambda: _mp4_keys(COUNT),
    "mp3 with an APE tag": lambda: samples()["mp3"] + _ape(60_000),
    "wavpack with an APE tag": lambda: samples()["wv"] + _ape(60_000),
    "tta with an APE tag": lambda: samples()["tta"] + _ape(60_000),
    "wav texts": lambda: _wav(COUNT),
    "avi texts": lambda: _avi(COUNT),
    "avi index": lambda: _avi_index(COUNT),
    "asf tags": lambda: _asf(65_000),
    "aiff texts": lambda: _aiff(COUNT),
    "mp3 with texts of long names": lambda: _id3_of_long_names(900) + samples()["mp3"],
    "flv texts": lambda: _flv(COUNT),
    "flv index": lambda: _flv_index(COUNT),
}
"""Functions that make each file, by its description."""
