"""How long a recording really is, which only reading it to its end can tell."""

from collections.abc import Iterator

from apertis_audio_tools.recordings.chains import links
from apertis_audio_tools.recordings.clocks import clock_of
from apertis_audio_tools.recordings.copying import can_copy
from apertis_audio_tools.recordings.probing import Recording, demuxing
from apertis_audio_tools.recordings.slicing import can_slice, sliced_seconds
from apertis_audio_tools.recordings.sound import Packet, best_stream, codec_name, packets
from apertis_audio_tools.recordings.sources import Bytes


def true_duration(recording: Recording) -> float:
    """Seconds, by the packets: headers guess, and do not know what was cut off later.

    Raises:
        RecordingError: It cannot be read, or holds nothing.
    """
    if can_slice(recording):
        return sliced_seconds(recording)
    if recording.container == "ogg":
        return sum(map(_seconds, links(recording.content)))
    return _seconds(recording.content)


def _seconds(content: Bytes) -> float:
    with demuxing(content) as container:
        stream = best_stream(container)
        found = packets(container, stream)
        if not can_copy(stream):
            return _stamped(found)
        clock, found = clock_of(stream, codec_name(stream), found)
        return sum(map(clock.length, found), clock.origin) / clock.rate


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
