"""Durations of packets, exact to the sample.

Containers round their time stamps; samples are counted. Times are in ticks from the first sample
that a player plays. A clock adds up the durations of the packets: those in the container where
they are exact, and else those that the packets themselves tell.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from math import inf
from operator import attrgetter

from apertis_audio_tools.audio.input.frames import MAX_PROBED_PACKETS, count_samples
from apertis_audio_tools.audio.input.tracks import Packet, Track
from apertis_audio_tools.errors import RecordingError

_PROBED_PACKETS = 32
"""Packets decoded to learn how many samples each has, and how many of the first are skipped; more
if players skip all of them, as up to 80 ms of Opus."""

OPUS_RATE = 48_000
_OPUS_FRAMES = (480, 960, 1920, 2880) * 3 + (480, 960) * 2 + (120, 240, 480, 960) * 4
"""Samples of a frame by the first five bits of a packet (RFC 6716, section 3.1)."""

_VORBIS_HEAD = b"\x01vorbis"
_VORBIS_SIZES = 28
"""Position of the two block sizes in the identification header (Vorbis I, section 4.2.2)."""
_MAX_VORBIS_BLOCK = 8_192
"""Samples of the longest block (Vorbis I, section 4.2.2)."""

PacketDuration = Callable[[Packet], int]
_container_duration: PacketDuration = attrgetter("duration")


@dataclass(frozen=True, slots=True)
class PacketClock:
    """Start and end of the packets of a track.

    Attributes:
        rate: Ticks per second.
        duration: Function that returns the ticks for which a packet is played.
        origin: Tick at which the first packet begins: 0, or earlier if players skip some samples.
    """

    rate: int
    duration: PacketDuration
    origin: int


def packet_clock(track: Track) -> tuple[PacketClock, Iterator[Packet]]:
    """Return the clock of a track that was just opened, and all its packets."""
    packets = track.packets()
    probed, samples = list[Packet](), list[int | None]()
    for packet in islice(packets, MAX_PROBED_PACKETS):
        probed.append(packet)
        samples.append(count_samples(track.decoder, packet))
        if len(probed) >= _PROBED_PACKETS and any(samples):
            break
    if not any(samples):
        raise RecordingError(
            f"{track.label} cannot be decoded: its first {len(probed)} packets are damaged."
        )
    rate, duration = _exact_duration(track, max(filter(None, samples)))
    skipped = 0
    for packet, count in zip(probed, samples, strict=True):
        if count is None:  # damaged, and played as silence
            break
        skipped += duration(packet) - count * rate // track.decoder.sample_rate
        if count:
            break
    return PacketClock(rate, duration, -max(skipped, 0)), chain(probed, packets)


def _exact_duration(track: Track, samples: int) -> tuple[int, PacketDuration]:
    """Return the ticks per second, and the function that returns the ticks of a packet.

    `samples` is the largest number of samples in one of the first packets.
    """
    sample_rate = track.decoder.sample_rate
    unit = track.stream.time_base or Fraction(1, sample_rate)
    is_exact = unit.numerator == 1 and unit.denominator % sample_rate == 0
    if track.codec == "opus":
        return OPUS_RATE, _container_duration if track.container == "ogg" else opus_samples
    if track.codec == "vorbis" and is_exact:
        return unit.denominator, _vorbis_steps()
    if track.codec == "vorbis":
        samples_per_unit = sample_rate / unit.denominator * unit.numerator
        return sample_rate, _vorbis_duration(track.extradata, samples_per_unit)
    if is_exact:
        longest = samples * unit.denominator // sample_rate
        return unit.denominator, lambda packet: min(packet.duration, longest)
    return sample_rate, lambda _: samples


def opus_samples(packet: Packet) -> int:
    """Return the samples of an Opus packet at 48 kHz (RFC 6716, section 3.1)."""
    data = memoryview(packet)
    frame = _OPUS_FRAMES[data[0] >> 3]
    code = data[0] & 3
    if code == 3:  # noqa: PLR2004  # the number of frames is in the next byte
        return frame * (data[1] & 63) if len(data) > 1 else 0
    return frame * (2 if code else 1)


def _vorbis_steps() -> PacketDuration:
    """Return a function that returns how much later a packet ends than the one before.

    FFmpeg knows when a short block after a long one ends, and not how much it adds.
    """
    previous_end = inf

    def duration(packet: Packet) -> int:
        nonlocal previous_end
        start, previous_end = previous_end, packet.pts + packet.duration
        step = previous_end - start
        return int(step if 0 < step <= _MAX_VORBIS_BLOCK else packet.duration)

    return duration


def _vorbis_duration(headers: bytes, samples_per_unit: float) -> PacketDuration:
    """Return a function that returns the possible duration that is nearest to a rounded one."""
    sizes = headers[headers.index(_VORBIS_HEAD) + _VORBIS_SIZES]
    short, long = 1 << (sizes & 15), 1 << (sizes >> 4)
    possible = (short // 2, (short + long) // 4, long // 2)

    def duration(packet: Packet) -> int:
        rounded = packet.duration * samples_per_unit
        return min(possible, key=lambda samples: abs(samples - rounded))

    return duration
