"""All the sound of a recording, in time: silence where some of it is damaged or missing."""

from collections.abc import Iterator
from itertools import chain

from av.audio.frame import AudioFrame

from apertis_audio_tools.recordings.gaps import Timeline
from apertis_audio_tools.recordings.probing import demuxing
from apertis_audio_tools.recordings.sound import best_stream, decoded, packets, silences
from apertis_audio_tools.recordings.sources import Bytes

_LONGEST = 30.0
"""Seconds without sound that become silence; more is left as a gap."""


class Gap(float):
    """Seconds in which there is no sound at all."""


def sound_of(content: Bytes) -> Iterator[AudioFrame | Gap]:
    """All frames, with silence or gaps where the time stamps jump.

    Raises:
        RecordingError: It cannot be decoded.
    """
    with demuxing(content) as container:
        stream, timeline = best_stream(container), Timeline()
        found = chain(timeline.watched(packets(container, stream)), (None,))
        for frame in decoded(stream.codec_context, found):
            if missing := timeline.newly_missing():
                yield from silences(frame, missing) if missing < _LONGEST else (Gap(missing),)
            timeline.hear(frame.samples / frame.sample_rate)
            yield frame
