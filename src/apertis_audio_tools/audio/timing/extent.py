"""The real length of a recording, which is known only once it has been read to its end."""

import contextlib
from fractions import Fraction
from typing import Any, NamedTuple

from apertis_audio_tools.audio.input.frame_headers import (
    ELEMENTARY_CONTAINERS,
    FormatChangeError,
    FrameSpan,
    require_one_format,
)
from apertis_audio_tools.audio.input.id3_tags import end_of_tags
from apertis_audio_tools.audio.input.probing import ChosenTrack, Recording
from apertis_audio_tools.audio.input.sources import SourceContent
from apertis_audio_tools.audio.input.tracks import MICROSECONDS, Track, open_track, stamped_seconds
from apertis_audio_tools.audio.timing.gaps import Timeline, has_time_stamps
from apertis_audio_tools.audio.timing.packet_durations import packet_clock

_MAX_HEADER_ERROR = 0.2
"""Seconds by which a header may be wrong."""
_COMPARED_ENTRIES = 32
"""Packets of an index for each whose position is compared with the size of the file."""


class Extent(NamedTuple):
    """Seconds from the first sample of a recording to its last, and those of them without audio.

    `is_plain` is False if a decoder may not play all of it, or something else: if the format of the
    audio changes, something lies in between or behind it, or a header is wrong about its length.
    """

    seconds: float
    missing: float
    is_plain: bool = True


def measure_extent(recording: Recording) -> Extent:
    """Return the length of a recording, by its packets and without decoding it.

    Headers guess, and do not know what was cut off later.
    """
    if recording.wav_layout is not None:
        return Extent(recording.wav_layout.seconds, 0.0)
    if recording.content.frames is not None:
        return Extent(recording.content.frames.played_seconds, 0.0)
    extents = [_measure_track(recording, each) for each in recording.tracks]
    longest = max(extents, key=lambda each: each.seconds)
    return longest._replace(is_plain=all(each.is_plain for each in extents))


def _measure_track(recording: Recording, track: ChosenTrack) -> Extent:
    extents = [_measure_link(link, track.index) for link in recording.links]
    return Extent(
        track.start - recording.start + sum(each.seconds for each in extents),
        sum(each.missing for each in extents),
        all(each.is_plain for each in extents),
    )


def _measure_link(content: SourceContent, index: int) -> Extent:
    with contextlib.suppress(FormatChangeError), open_track(content, index) as track:
        if track.is_copyable:
            return _measure_copyable(track, content)
    with open_track(content, index) as track:
        seconds = stamped_seconds(track.packets()) or 0.0
        is_plain = not track.is_copyable and _is_right_about(track, seconds)
        return Extent(seconds, 0.0, is_plain)


def _is_right_about(track: Track, seconds: float) -> bool:
    """Return whether the header of a FLAC file says how long it is, or that it does not know."""
    claimed = (track.demuxer.duration or 0) / MICROSECONDS
    return track.container != "flac" or not claimed or abs(claimed - seconds) < _MAX_HEADER_ERROR


def _measure_copyable(track: Track, content: SourceContent) -> Extent:
    clock, packets = packet_clock(track)
    if (ticks := _indexed_ticks(track, clock.rate, content.size)) is not None:
        return Extent((ticks + clock.origin) / clock.rate, 0.0)
    packets = require_one_format(packets, track.codec)
    if has_time_stamps(track.container):
        timeline = Timeline(track.container)
        for packet in timeline.watch(packets):
            timeline.advance(clock.duration(packet) / clock.rate)
        return Extent(timeline.seconds + clock.origin / clock.rate, timeline.missing)
    span = FrameSpan()
    is_bare = track.container in ELEMENTARY_CONTAINERS
    durations = map(clock.duration, span.watch(packets) if is_bare else packets)
    seconds = sum(durations, clock.origin) / clock.rate
    with content.open() as stream:
        is_plain = not is_bare or span.is_whole(stream, end_of_tags(stream), content.size)
    return Extent(seconds, 0.0, is_plain)


def _indexed_ticks(track: Track, rate: int, size: int) -> int | None:
    """Return the ticks of an MP4 track by its index, or None if its packets have to be read.

    They have to if they take another time than as many packets of one length, if they lie outside
    of the file, or are not in the index; if the clock is not that of the index; or if edits hide
    more than priming. An object of Python for each packet would take as long as sending them.
    """
    entries: Any = getattr(track.stream, "index_entries", None)
    unit, count, step = track.stream.time_base, track.stream.frames, track.decoder.frame_size
    if track.edited_seconds is None or not entries or unit is None or unit != Fraction(1, rate):
        return None
    if len(entries) != count:
        return None
    first, *others = (entries[at] for at in (*range(0, count, _COMPARED_ENTRIES), count - 1))
    last = others[-1]
    end = max(entry.pos + entry.size for entry in others)
    ticks: int = last.timestamp - first.timestamp
    if ticks != (count - 1) * step or end > size:
        return None
    return ticks + min(max((track.stream.duration or 0) - ticks, 0), step)
