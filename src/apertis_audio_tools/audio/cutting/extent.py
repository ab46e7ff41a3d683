"""How long a recording really is, which only reading it to its end can tell."""

from collections.abc import Iterator
from typing import NamedTuple

from apertis_audio_tools.audio.cutting.stream_copy import can_copy
from apertis_audio_tools.audio.cutting.wav_slices import can_slice, sample_seconds
from apertis_audio_tools.audio.input.ogg_chains import chain_links
from apertis_audio_tools.audio.input.packets import Packet, best_stream, codec_name, read_packets
from apertis_audio_tools.audio.input.probing import Recording, open_container
from apertis_audio_tools.audio.input.sources import SourceContent
from apertis_audio_tools.audio.timing.gaps import TIMESTAMPED_CONTAINERS, Timeline
from apertis_audio_tools.audio.timing.packet_durations import packet_clock


class Extent(NamedTuple):
    """How long a recording is.

    Attributes:
        seconds: From its first sample to its last.
        missing: How many of them are not there, as the time stamps jump over them.
    """

    seconds: float
    missing: float


def measure_extent(recording: Recording) -> Extent:
    """How long it is, and how much of that is missing, without decoding it.

    It goes by the packets: headers guess, and do not know what was cut off later.

    Raises:
        RecordingError: It cannot be read, or holds nothing.
    """
    if can_slice(recording):
        return Extent(sample_seconds(recording), 0.0)
    is_ogg = recording.container == "ogg"
    parts = chain_links(recording.content) if is_ogg else [recording.content]
    stamped = recording.container in TIMESTAMPED_CONTAINERS
    found = [_extent(part, stamped=stamped) for part in parts]
    return Extent(sum(part.seconds for part in found), sum(part.missing for part in found))


def _extent(content: SourceContent, *, stamped: bool) -> Extent:
    with open_container(content) as container:
        stream = best_stream(container)
        codec = codec_name(stream)
        found = read_packets(container, stream)
        if not can_copy(stream):
            return Extent(_stamped(found), 0.0)
        clock, found = packet_clock(stream, codec, found)
        if not stamped:
            return Extent(sum(map(clock.length, found), clock.origin) / clock.rate, 0.0)
        timeline = Timeline()
        for packet in timeline.watched(found):
            timeline.hear(clock.length(packet) / clock.rate)
        return Extent(timeline.seconds + clock.origin / clock.rate, timeline.missing)


def _stamped(packets: Iterator[Packet]) -> float:
    """Seconds from the first time stamp to the end of the last."""
    first, end = None, 0.0
    for packet in packets:
        if packet.pts is None:
            continue
        unit = float(packet.time_base)
        first = packet.pts * unit if first is None else first
        end = max(end, (packet.pts + (packet.duration or 0)) * unit)
    return end - (first or 0.0)
