"""All the sound of a recording, in time: silence where some of it is damaged or missing."""

from collections.abc import Iterator
from itertools import chain

from av.audio.frame import AudioFrame

from apertis_audio_tools.audio.input.packets import (
    best_stream,
    decode_packets,
    read_packets,
    silent_frames,
)
from apertis_audio_tools.audio.input.probing import open_container
from apertis_audio_tools.audio.input.sources import SourceContent
from apertis_audio_tools.audio.timing.gaps import Timeline

_LONGEST = 30.0
"""Seconds without sound that become silence; more is left as a gap."""


class Gap(float):
    """Seconds in which there is no sound at all."""


def decode_recording(content: SourceContent) -> Iterator[AudioFrame | Gap]:
    """All frames, with silence or gaps where the time stamps jump.

    Raises:
        RecordingError: It cannot be decoded.
    """
    with open_container(content) as container:
        stream, timeline = best_stream(container), Timeline()
        found = chain(timeline.watched(read_packets(container, stream)), (None,))
        for frame in decode_packets(stream.codec_context, found):
            if missing := timeline.newly_missing():
                yield from silent_frames(frame, missing) if missing < _LONGEST else (Gap(missing),)
            timeline.hear(frame.samples / frame.sample_rate)
            yield frame
