"""Make a long recording by repeating examples/data/standup.ogg.

It runs in a process of its own, because measured processes start with their parent's peak memory:

    python benchmarks/make_recordings.py mp3 1h.mp3 1
"""

import argparse
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
    """An encoding: FFmpeg's names of container and encoder, sample rate and bit rate."""

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


def make(encoding: Format, path: Path, hours: float) -> None:
    """Write a recording of `hours`."""
    import av

    once = path.with_name("once." + path.name)
    encode_once(encoding, once)
    with av.open(str(once)) as source, av.open(str(path), "w", format=encoding.container) as target:
        stream = source.streams.audio[0]
        packets = [packet for packet in source.demux(stream) if packet.size]
        copy = target.add_stream_from_template(stream)
        for packet in repeat_packets(stream, packets, hours * 3600):
            packet.stream = copy
            target.mux_one(packet)
    once.unlink()


def encode_once(encoding: Format, path: Path) -> None:
    """Write a single copy of the meeting."""
    import av

    with (
        av.open(str(STANDUP)) as source,
        av.open(str(path), "w", format=encoding.container) as target,
    ):
        stream = target.add_stream(encoding.encoder, rate=encoding.sample_rate, layout="mono")
        if encoding.bit_rate:
            stream.bit_rate = encoding.bit_rate
        for frame in source.decode(audio=0):
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))


def repeat_packets(
    stream: "AudioStream", packets: list["Packet"], seconds: float
) -> Iterator["Packet"]:
    """Yield copies of the packets until `seconds` are reached, with continuous time stamps."""
    from av.packet import Packet

    first = packets[0].pts
    length = packets[-1].pts + packets[-1].duration - first
    unit = stream.time_base
    for turn in range(round(seconds / float(length * unit))):
        for packet in packets:
            copy = Packet(bytes(packet))
            copy.pts = copy.dts = packet.pts + turn * length
            copy.duration = packet.duration
            copy.time_base = Fraction(unit.numerator, unit.denominator)
            yield copy


def main() -> None:
    """Make one recording."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("format", choices=FORMATS)
    parser.add_argument("path", type=Path)
    parser.add_argument("hours", type=float)
    arguments = parser.parse_args()
    make(FORMATS[arguments.format], arguments.path, arguments.hours)


if __name__ == "__main__":
    main()
