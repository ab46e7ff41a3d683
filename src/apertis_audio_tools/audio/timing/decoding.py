"""Decode recordings along their time line, with silence where audio is damaged or missing."""

from collections.abc import Iterator
from itertools import chain

from av.audio.frame import AudioFrame

from apertis_audio_tools.audio.input.frames import decode_packets, silent_frames
from apertis_audio_tools.audio.input.sources import SourceContent
from apertis_audio_tools.audio.input.tracks import open_track
from apertis_audio_tools.audio.timing.gaps import TIMESTAMPED_CONTAINERS, Timeline

_MAX_FILLED_SECONDS = 30.0
"""Seconds without audio that are filled with silence. Longer gaps are reported."""


class Gap(float):
    """Seconds without any audio."""


def decode_recording(content: SourceContent) -> Iterator[AudioFrame | Gap]:
    """Yield all frames, with silence or gaps where the time stamps jump."""
    with open_track(content) as track:
        timeline = Timeline()
        packets = track.packets()
        if track.container in TIMESTAMPED_CONTAINERS:
            packets = timeline.watch(packets)
        for frame in decode_packets(track.decoder, chain(packets, (None,))):
            if missing := timeline.take_missing():
                if missing < _MAX_FILLED_SECONDS:
                    yield from silent_frames(frame, missing)
                else:
                    yield Gap(missing)
            timeline.advance(frame.samples / frame.sample_rate)
            yield frame
