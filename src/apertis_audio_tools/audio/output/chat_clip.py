"""Audio made fit for chat: wav and mp3 as they are where they fit, everything else as mp3."""

import functools
import io
from itertools import chain

import av

from apertis_audio_tools.api.request import Upload
from apertis_audio_tools.audio.input.packets import resample_mono
from apertis_audio_tools.audio.input.probing import Recording, map_av_errors
from apertis_audio_tools.audio.timing.decoding import Gap, decode_recording
from apertis_audio_tools.errors import RecordingError, UnsupportedError
from apertis_audio_tools.models import MAX_UPLOAD_BYTES

_AS_IT_IS = frozenset({"wav", "mp3"})
_SAMPLE_RATE, _BIT_RATE = 24_000, 64_000
"""Hz and bits per second: transparent for speech, half a megabyte a minute."""
_FRAME = 1_152
"""Samples of a frame of mp3."""
_MOST_BYTES = MAX_UPLOAD_BYTES // 4 * 3
"""What becomes a request of the largest size, in base64."""


def encode_chat_clip(recording: Recording) -> tuple[Upload, str]:
    """What a chat message carries, and its format: ``wav`` or ``mp3``.

    What is damaged or missing in a recording that has to be encoded is silence.

    Raises:
        RecordingError: The recording cannot be decoded.
        UnsupportedError: It is too long for a chat message, even as mp3 (40 minutes).
    """
    if recording.container in _AS_IT_IS and recording.content.size <= _MOST_BYTES:
        return recording.upload(), recording.container
    with map_av_errors(recording.label):
        data = _as_mp3(recording)
    return Upload("audio.mp3", "audio/mpeg", len(data), functools.partial(io.BytesIO, data)), "mp3"


def _as_mp3(recording: Recording) -> bytes:
    encoded = io.BytesIO()
    sound = chain.from_iterable(map(decode_recording, recording.parts()))
    frames = (frame for frame in sound if not isinstance(frame, Gap))
    heard = False
    with av.open(encoded, "w", format="mp3") as target:
        stream = target.add_stream("libmp3lame", rate=_SAMPLE_RATE, layout="mono")
        stream.bit_rate = _BIT_RATE
        for frame in resample_mono(frames, _SAMPLE_RATE, frame_size=_FRAME, sample_format="s16p"):
            heard = True
            frame.pts = None
            target.mux(stream.encode(frame))
            _require_room(encoded.tell(), recording)
        target.mux(stream.encode(None))
    if not heard:
        raise RecordingError(f"{recording.label} holds no sound that can be decoded.")
    return encoded.getvalue()


def _require_room(size: int, recording: Recording) -> None:
    if size > _MOST_BYTES:
        minutes = _MOST_BYTES * 8 / _BIT_RATE / 60
        raise UnsupportedError(
            f"{recording.label} is longer than the {minutes:.0f} minutes that fit into a chat "
            f"message; ask about a part of it, or transcribe it."
        )
