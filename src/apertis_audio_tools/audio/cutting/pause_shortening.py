"""Leave the long pauses of a recording out of what is sent."""

from array import array
from dataclasses import replace

from apertis_audio_tools.audio.cutting.signal_levels import LEVEL_SAMPLE_RATE, LevelMeter
from apertis_audio_tools.audio.cutting.voiced_spans import find_voice
from apertis_audio_tools.audio.input.frames import resample_mono
from apertis_audio_tools.audio.input.probing import Recording
from apertis_audio_tools.audio.input.tracks import map_av_errors
from apertis_audio_tools.audio.timing.decoding import decode_recording, without_gaps

_MIN_SAVED_SHARE = 0.05
"""Share of a recording that has to be pauses; otherwise it is sent as it is, without encoding."""


def shorten_pauses(recording: Recording) -> Recording:
    """Return the recording with the spans to send: pauses of over a second keep 0.6 s of it.

    What is as loud all the time has no pauses. Decoding an hour takes a few seconds.

    Raises:
        RecordingError: If the recording is damaged.
    """
    meter = LevelMeter()
    with map_av_errors(recording.label):
        frames = without_gaps(decode_recording(recording, LEVEL_SAMPLE_RATE))
        for frame in resample_mono(frames, LEVEL_SAMPLE_RATE, frame_size=LEVEL_SAMPLE_RATE):
            meter.add(array("h", bytes(frame.planes[0])[: frame.samples * 2]))
    spans = tuple(find_voice(meter.steps()))
    shortened = replace(recording, voiced=spans)
    is_worth_it = shortened.sent_seconds <= (1 - _MIN_SAVED_SHARE) * recording.duration
    return shortened if is_worth_it else recording
