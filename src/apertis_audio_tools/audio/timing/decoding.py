"""Decode recordings along their time line, with silence where audio is damaged or missing."""

from collections.abc import Iterable, Iterator
from itertools import chain

from av.audio.frame import AudioFrame

from apertis_audio_tools.audio.input.channels import (
    choose_mix_of,
    equal_mix,
    interleave,
    mix_channels,
)
from apertis_audio_tools.audio.input.frame_headers import FRAMED_CONTAINERS, watch_holes
from apertis_audio_tools.audio.input.frames import decode_packets, resample_mono, silent_frames
from apertis_audio_tools.audio.input.lost_audio import LostAudio
from apertis_audio_tools.audio.input.probing import ChosenTrack, Recording
from apertis_audio_tools.audio.input.sources import SourceContent
from apertis_audio_tools.audio.input.tracks import map_av_errors, open_track
from apertis_audio_tools.audio.timing.gaps import Timeline

_MAX_FILLED_SECONDS = 30.0
"""Seconds without audio that are filled with silence. Longer gaps are reported."""
_MIXED_SECONDS = 0.1
"""Seconds of tracks that are mixed at once."""


class Gap(float):
    """Seconds without any audio."""


def decode_recording(recording: Recording, rate: int) -> Iterator[AudioFrame | Gap]:
    """Yield all frames, with silence or gaps where the time stamps jump.

    Tracks that have to be mixed become one, in frames of a sample rate; a single track is decoded
    as it is.
    """
    if len(recording.tracks) == 1:
        return _decode_track(recording, recording.tracks[0])
    return mix_channels(decode_tracks(recording, rate), equal_mix(len(recording.tracks)))


def decode_tracks(recording: Recording, rate: int) -> Iterator[AudioFrame]:
    """Yield frames in which each of the recording's tracks is a channel."""
    tracks = [
        resample_mono(
            without_gaps(_decode_track(recording, each), each.start - recording.start),
            rate,
            frame_size=round(rate * _MIXED_SECONDS),
        )
        for each in recording.tracks
    ]
    return interleave(tracks)


def _decode_track(recording: Recording, track: ChosenTrack) -> Iterator[AudioFrame | Gap]:
    """Yield the frames of a track of all recordings that a file was joined of.

    The mix of its channels is chosen for each of them, unless one channel was.
    """
    at, is_joined = track.start - recording.start, len(recording.links) > 1
    for link in recording.links:
        mix = track.mix or (choose_mix_of(link, track.index) if is_joined else None)
        decoded = decode_file(link, track.index, lost=recording.lost, at=at)
        for item in mix_channels(decoded, mix) if mix else decoded:
            at += _seconds(item)
            yield item


def decode_file(
    content: SourceContent,
    index: int | None = None,
    *,
    lost: LostAudio | None = None,
    at: float = 0.0,
) -> Iterator[AudioFrame | Gap]:
    """Yield the frames of a track of a file, by default the one that a player would choose.

    What is damaged or missing is added to `lost`; the file begins at the second `at` of it.
    """
    lost = lost or LostAudio()
    with open_track(content, index) as track:
        timeline = Timeline(track.container)

        def lose(seconds: float = 0.0) -> None:
            lost.add(at + timeline.seconds, seconds)
            if timeline.is_silent:  # there are no frames yet, not even silent ones
                timeline.skip(seconds)

        packets = timeline.watch(track.packets(lose))
        if track.container in FRAMED_CONTAINERS:
            packets = watch_holes(packets, lose)
        for frame in decode_packets(track.decoder, chain(packets, (None,)), lose):
            if missing := timeline.take_missing():
                lost.add(at + timeline.seconds - missing, missing)
                if missing < _MAX_FILLED_SECONDS:
                    yield from silent_frames(frame, missing)
                else:
                    yield Gap(missing)
            timeline.advance(frame.samples / frame.sample_rate)
            yield frame


def read_samples(recording: Recording, rate: int) -> Iterator[bytes]:
    """Yield the samples of a recording in one channel, as 32-bit floats from -1 to 1.

    Raises:
        RecordingError: If it is damaged.
    """
    with map_av_errors(recording.label):
        frames = without_gaps(decode_recording(recording, rate))
        for frame in resample_mono(frames, rate, frame_size=rate, sample_format="flt"):
            yield bytes(frame.planes[0])[: frame.samples * 4]


def without_gaps(items: Iterable[AudioFrame | Gap], seconds: float = 0.0) -> Iterator[AudioFrame]:
    """Yield frames, with seconds of silence before the first and wherever there is a gap."""
    for item in items:
        if isinstance(item, Gap):
            seconds += item
        else:
            yield from silent_frames(item, seconds)
            seconds = 0.0
            yield item


def frames_from(
    items: Iterable[AudioFrame | Gap], start: float
) -> tuple[float, Iterator[AudioFrame]]:
    """Return the frames from the one that plays at a second on, with silence for gaps.

    The first value is the number of seconds by which they begin too early. `start` is not below 0.
    """
    position = 0.0
    items = iter(items)
    for item in items:
        seconds = _seconds(item)
        if position + seconds > start:
            return start - position, without_gaps(chain((item,), items))
        position += seconds
    return 0.0, iter(())


def _seconds(item: AudioFrame | Gap) -> float:
    return item if isinstance(item, Gap) else item.samples / item.sample_rate
