"""The length of an MP4 recording by its index is the one by its packets."""

import io
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import av
import pytest

from apertis_audio_tools.audio import probe
from apertis_audio_tools.audio.timing import extent
from apertis_audio_tools.audio.timing.extent import measure_extent
from support.encoded_recordings import encode_recording

NOISE = bytes(at * at % 251 for at in range(16_000 * 2 * 3))


def encode_m4a(rate: int, delay: Callable[[int], int] = lambda _: 0, **options: str) -> bytes:
    """Return three seconds of noise; `delay` is that of each packet, in samples."""
    file = io.BytesIO()
    with av.open(file, "w", format="ipod", options=options) as container:
        stream: Any = container.add_stream("aac", rate=rate, layout="mono")
        frame = av.AudioFrame("s16", "mono", rate * 3 + 100)
        size = frame.planes[0].buffer_size
        frame.planes[0].update((NOISE * 4)[:size].ljust(size, b"\0"))
        frame.rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        for number, packet in enumerate([*stream.encode(frame), *stream.encode(None)]):
            packet.pts = packet.dts = packet.pts + delay(number)
            container.mux(packet)
    return file.getvalue()


def read_packets(data: bytes, monkeypatch: pytest.MonkeyPatch) -> extent.Extent:
    """Return the extent by the packets."""
    with monkeypatch.context() as patched:
        patched.setattr(extent, "_indexed_ticks", lambda *_: None)
        return measure_extent(probe(data))


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100])
def test_index(rate: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The index says when the last sample ends, and its packets are not read."""
    data = encode_m4a(rate)
    expected = read_packets(data, monkeypatch)
    monkeypatch.setattr(extent, "require_one_format", lambda *_: pytest.fail("Packets are read."))
    found = measure_extent(probe(data))
    assert found.seconds == pytest.approx(expected.seconds, abs=1e-9)
    assert found._replace(seconds=expected.seconds) == expected


def test_index_of_packets_that_are_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packets of which some come late and none is missing are not read."""
    expected = measure_extent(probe(encode_m4a(16_000)))
    data = encode_m4a(16_000, lambda number: 300 if number % 10 == 5 else 0)
    monkeypatch.setattr(extent, "require_one_format", lambda *_: pytest.fail("Packets are read."))
    assert measure_extent(probe(data)) == expected


def test_index_with_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packets are read if some are missing."""
    data = encode_m4a(16_000, lambda number: 32_000 if number > 20 else 0)
    found = measure_extent(probe(data))
    assert found == read_packets(data, monkeypatch)
    assert found.missing == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("change", ["cut", "fragments"])
def test_index_that_is_not_right(change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packets are read of a file that was cut off, and of one whose index is divided."""
    if change == "cut":
        data = with_index_first(encode_m4a(16_000))[:-4_000]
    else:
        data = encode_m4a(16_000, movflags="frag_keyframe+empty_moov")
    assert measure_extent(probe(data)) == read_packets(data, monkeypatch)
    assert measure_extent(probe(data)).seconds < 3.2


def with_index_first(data: bytes) -> bytes:
    """Return an MP4 file with its index in front of its media."""
    at = data.index(b"moov") - 4
    media = data.index(b"mdat") - 4
    index = bytearray(data[at:])
    table = index.index(b"stco") + 8
    for number in range(int.from_bytes(index[table : table + 4])):
        field = slice(table + 4 + number * 4, table + 8 + number * 4)
        index[field] = (int.from_bytes(index[field]) + len(index)).to_bytes(4)
    return data[:media] + bytes(index) + data[media:at]


def test_other_containers_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever has no such index is read packet by packet."""
    for name in ("ogg", "webm", "flac"):
        data = encode_recording(name, NOISE)
        assert measure_extent(probe(data)) == read_packets(data, monkeypatch)
