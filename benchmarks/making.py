"""Makes long recordings by repeating examples/data/standup.ogg.

In a process of its own, because a measured process begins with the peak memory of its parent:

    python benchmarks/making.py mp3 1h.mp3 1
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.packet import Packet

STANDUP = Path(__file__).parent.parent / "examples" / "data" / "standup.ogg"


@dataclass(frozen=True)
class Format:
    """FFmpeg's names of a container and of an encoder; Hz, and bits per second."""

    container: str
    encoder: str
    sample_rate: int
    bit_rate: int = 0


FORMATS = {
    "mp3": Format("mp3", "libmp3lame", 44_100, 128_000),
    "m4a": Format("ipod", "aac", 44_100, 128_000),
    "ogg": Format("ogg", "libopus", 48_000, 48_000),
    "webm": Format("webm", "libopus", 48_000, 48_000),
    "wav": Format("wav", "pcm_s16le", 16_000),
}


def make(form: Format, path: Path, hours: float) -> None:
    """Write a recording of so many hours."""
    import av

    once = path.with_name("once." + path.name)
    encoded(form, once)
    with av.open(str(once)) as source, av.open(str(path), "w", format=form.container) as target:
        stream = source.streams.audio[0]
        packets = [packet for packet in source.demux(stream) if packet.size]
        copy = target.add_stream_from_template(stream)
        for packet in repeated(stream, packets, hours * 3600):
            packet.stream = copy
            target.mux_one(packet)
    once.unlink()


def encoded(form: Format, path: Path) -> None:
    """Write the meeting once."""
    import av

    with av.open(str(STANDUP)) as source, av.open(str(path), "w", format=form.container) as target:
        stream = target.add_stream(form.encoder, rate=form.sample_rate, layout="mono")
        if form.bit_rate:
            stream.bit_rate = form.bit_rate
        for frame in source.decode(audio=0):
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))


def repeated(stream: "AudioStream", packets: list["Packet"], seconds: float) -> Iterator["Packet"]:
    """The packets of a meeting again and again, with their time stamps going on."""
    from av.packet import Packet

    first = packets[0].pts
    length = packets[-1].pts + packets[-1].duration - first
    unit = stream.time_base
    for turn in range(round(seconds / float(length * unit))):
        for packet in packets:
            again = Packet(bytes(packet))
            again.pts = again.dts = packet.pts + turn * length
            again.duration = packet.duration
            again.time_base = Fraction(unit.numerator, unit.denominator)
            yield again


if __name__ == "__main__":
    make(FORMATS[sys.argv[1]], Path(sys.argv[2]), float(sys.argv[3]))
