"""The real length of a recording, which is known only once it has been read to its end."""

from typing import NamedTuple

from apertis_audio_tools.audio.input.probing import ChosenTrack, Recording
from apertis_audio_tools.audio.input.sources import SourceContent
from apertis_audio_tools.audio.input.tracks import open_track, stamped_seconds
from apertis_audio_tools.audio.timing.gaps import TIMESTAMPED_CONTAINERS, Timeline
from apertis_audio_tools.audio.timing.packet_durations import packet_clock


class Extent(NamedTuple):
    """Seconds from the first sample of a recording to its last, and those of them without audio."""

    seconds: float
    missing: float


def measure_extent(recording: Recording) -> Extent:
    """Return the length of a recording, by its packets and without decoding it.

    Headers guess, and do not know what was cut off later.
    """
    if recording.wav_layout is not None:
        return Extent(recording.wav_layout.seconds, 0.0)
    return max(_measure_track(recording, each) for each in recording.tracks)


def _measure_track(recording: Recording, track: ChosenTrack) -> Extent:
    extents = [_measure_link(link, track.index) for link in recording.links]
    seconds = track.start - recording.start + sum(each.seconds for each in extents)
    return Extent(seconds, sum(each.missing for each in extents))


def _measure_link(content: SourceContent, index: int) -> Extent:
    with open_track(content, index) as track:
        if not track.is_copyable:
            return Extent(stamped_seconds(track.packets()) or 0.0, 0.0)
        clock, packets = packet_clock(track)
        if track.container not in TIMESTAMPED_CONTAINERS:
            return Extent(sum(map(clock.duration, packets), clock.origin) / clock.rate, 0.0)
        timeline = Timeline()
        for packet in timeline.watch(packets):
            timeline.advance(clock.duration(packet) / clock.rate)
        return Extent(timeline.seconds + clock.origin / clock.rate, timeline.missing)
