"""How long each packet lasts, exactly: containers round their time stamps, samples do not.

Times are counted in ticks from the first sample that a player plays. Each clock adds up how long
the packets last; where a container says it to the sample its word is taken, else the packet tells.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from math import inf
from operator import attrgetter
from typing import Any

from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream

from apertis_audio_tools.audio.input.packets import DECODE_ERRORS, Packet
from apertis_audio_tools.errors import RecordingError

_PROBED = 32
"""Packets decoded to learn how many samples one has, and how many of the first are skipped."""

_OPUS_RATE = 48_000
_OPUS_FRAMES = (480, 960, 1920, 2880) * 3 + (480, 960) * 2 + (120, 240, 480, 960) * 4
"""Samples of a frame by the first five bits of a packet (RFC 6716, section 3.1)."""

_VORBIS_HEAD = b"\x01vorbis"
_VORBIS_SIZES = 28
"""Where the identification header has the two block sizes (Vorbis I, section 4.2.2)."""

_VORBIS_LONGEST = 8_192
"""Samples of the longest block (Vorbis I, section 4.2.2)."""

PacketDuration = Callable[[Packet], int]
_said: PacketDuration = attrgetter("duration")


@dataclass(frozen=True, slots=True)
class PacketClock:
    """How to tell the time of packets.

    Attributes:
        rate: Ticks per second.
        length: Ticks that a packet is heard, whatever its container says of the one after it.
        origin: The tick at which the first packet begins: 0 or before, as players skip some.
    """

    rate: int
    length: PacketDuration
    origin: int

    def timed(self, packets: Iterable[Packet]) -> Iterator[tuple[Packet, int, int]]:
        """Packets from the first one on, with the ticks at which they begin and end."""
        length, end = self.length, self.origin
        for packet in packets:
            start, end = end, end + length(packet)
            yield packet, start, end


def packet_clock(
    stream: AudioStream, codec: str, packets: Iterator[Packet]
) -> tuple[PacketClock, Iterator[Packet]]:
    """The clock of a stream, and all its packets.

    Args:
        stream: Whose packets they are.
        codec: FFmpeg's canonical name of the codec.
        packets: From the first one on.

    Raises:
        RecordingError: None of the first packets can be decoded.
    """
    probed = list(islice(packets, _PROBED))
    sizes = [_samples(stream.codec_context, packet) for packet in probed]
    if not any(sizes):
        raise RecordingError("The sound begins with nothing that can be decoded.")
    rate, length = _length(stream, codec, max(sizes))
    heard = next(at for at, size in enumerate(sizes) if size)
    skipped = sum(map(length, probed[: heard + 1]))
    skipped -= sizes[heard] * rate // stream.codec_context.sample_rate
    return PacketClock(rate, length, -max(skipped, 0)), chain(probed, packets)


def _samples(codec: AudioCodecContext, packet: Packet) -> int:
    try:
        return sum(frame.samples for frame in codec.decode(packet))
    except DECODE_ERRORS:
        return 0


def _length(stream: AudioStream, codec: str, samples: int) -> tuple[int, PacketDuration]:
    """Ticks per second, and how many a packet lasts."""
    sample_rate = stream.codec_context.sample_rate
    unit: Any = stream.time_base
    is_exact = unit.numerator == 1 and unit.denominator % sample_rate == 0
    if codec == "opus":
        return _OPUS_RATE, _said if stream.container.format.name == "ogg" else opus_samples
    if codec == "vorbis" and is_exact:
        return unit.denominator, _vorbis_steps()
    if codec == "vorbis":
        return sample_rate, _vorbis_length(stream, sample_rate / unit.denominator * unit.numerator)
    if is_exact:
        longest = samples * unit.denominator // sample_rate
        return unit.denominator, lambda packet: min(packet.duration, longest)
    return sample_rate, lambda _: samples


def opus_samples(packet: Packet) -> int:
    """Samples of an Opus packet at 48 kHz (RFC 6716, section 3.1)."""
    data = memoryview(packet)
    frame = _OPUS_FRAMES[data[0] >> 3]
    code = data[0] & 3
    if code == 3:  # noqa: PLR2004  # the number of frames is in the next byte
        return frame * (data[1] & 63) if len(data) > 1 else 0
    return frame * (2 if code else 1)


def _vorbis_steps() -> PacketDuration:
    """Tells how much later than the one before a packet ends.

    Of a short block after a long one FFmpeg knows when it ends, and not how much it adds.
    """
    reached = inf

    def length(packet: Packet) -> int:
        nonlocal reached
        before, reached = reached, packet.pts + packet.duration
        step = reached - before
        return int(step if 0 < step <= _VORBIS_LONGEST else packet.duration)

    return length


def _vorbis_length(stream: AudioStream, samples_per_unit: float) -> PacketDuration:
    """Tells which of the three possible lengths a rounded one is."""
    head = stream.codec_context.extradata or b""
    sizes = head[head.index(_VORBIS_HEAD) + _VORBIS_SIZES]
    short, long = 1 << (sizes & 15), 1 << (sizes >> 4)
    possible = (short // 2, (short + long) // 4, long // 2)

    def length(packet: Packet) -> int:
        said = packet.duration * samples_per_unit
        return min(possible, key=lambda samples: abs(samples - said))

    return length
