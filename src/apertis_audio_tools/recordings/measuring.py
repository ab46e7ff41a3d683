"""How long a recording really is, which only reading it to its end can tell."""

from collections.abc import Iterator
from typing import NamedTuple

from apertis_audio_tools.recordings.chains import links
from apertis_audio_tools.recordings.clocks import clock_of
from apertis_audio_tools.recordings.copying import can_copy
from apertis_audio_tools.recordings.gaps import STAMPED, Timeline
from apertis_audio_tools.recordings.probing import Recording, demuxing
from apertis_audio_tools.recordings.slicing import can_slice, sliced_seconds
from apertis_audio_tools.recordings.sound import Packet, best_stream, codec_name, packets
from apertis_audio_tools.recordings.sources import Bytes


class Extent(NamedTuple):
    """How long a recording is.

    Attributes:
        seconds: From its first sample to its last.
        missing: How many of them are not there, as the time stamps jump over them.
    """

    seconds: float
    missing: float


def extent_of(recording: Recording) -> Extent:
    """How long it is, and how much of that is missing, without decoding it.

    It goes by the packets: headers guess, and do not know what was cut off later.

    Raises:
        RecordingError: It cannot be read, or holds nothing.
    """
    if can_slice(recording):
        return Extent(sliced_seconds(recording), 0.0)
    is_ogg = recording.container == "ogg"
    parts = links(recording.content) if is_ogg else [recording.content]
    stamped = recording.container in STAMPED
    found = [_extent(part, stamped=stamped) for part in parts]
    return Extent(sum(part.seconds for part in found), sum(part.missing for part in found))


def _extent(content: Bytes, *, stamped: bool) -> Extent:
    with demuxing(content) as container:
        stream = best_stream(container)
        codec = codec_name(stream)
        found = packets(container, stream)
        if not can_copy(stream):
            return Extent(_stamped(found), 0.0)
        clock, found = clock_of(stream, codec, found)
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
