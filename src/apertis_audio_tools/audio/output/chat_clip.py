"""Encode recordings for chat messages: wav and mp3 stay as they are, all else becomes mp3."""

import functools
import io

import av

from apertis_audio_tools.api.request import Upload
from apertis_audio_tools.audio.input.frames import resample_mono
from apertis_audio_tools.audio.input.probing import Recording
from apertis_audio_tools.audio.input.tracks import map_av_errors
from apertis_audio_tools.audio.timing.decoding import Gap, decode_recording
from apertis_audio_tools.errors import RecordingError, UnsupportedError
from apertis_audio_tools.models import MAX_UPLOAD_BYTES

_CHAT_CONTAINERS = frozenset({"wav", "mp3"})
_SAMPLE_RATE, _BIT_RATE = 24_000, 64_000
"""Hz and bits per second: transparent for speech, half a megabyte a minute."""
_FRAME_SAMPLES = 1_152
"""Samples of a frame of mp3."""
_MAX_BYTES = MAX_UPLOAD_BYTES // 4 * 3
"""Bytes that become a request of the largest size, in base64."""


def encode_chat_clip(recording: Recording) -> tuple[Upload, str]:
    """Return the file that a chat message carries, and its format: ``wav`` or ``mp3``.

    Damaged or missing parts of a recording that has to be encoded become silence.

    Raises:
        RecordingError: If the recording cannot be decoded.
        UnsupportedError: If it is too long for a chat message, even as mp3 (40 minutes).
    """
    is_accepted = recording.container in _CHAT_CONTAINERS and recording.is_plain
    if is_accepted and recording.content.size <= _MAX_BYTES:
        return recording.upload(), recording.container
    with map_av_errors(recording.label):
        data = _encode_mp3(recording)
    return Upload("audio.mp3", "audio/mpeg", len(data), functools.partial(io.BytesIO, data)), "mp3"


def _encode_mp3(recording: Recording) -> bytes:
    encoded = io.BytesIO()
    decoded = decode_recording(recording, _SAMPLE_RATE)
    frames = (frame for frame in decoded if not isinstance(frame, Gap))
    is_empty = True
    with av.open(encoded, "w", format="mp3") as muxer:
        stream = muxer.add_stream("libmp3lame", rate=_SAMPLE_RATE, layout="mono")
        stream.bit_rate = _BIT_RATE
        for frame in resample_mono(
            frames, _SAMPLE_RATE, frame_size=_FRAME_SAMPLES, sample_format="s16p"
        ):
            is_empty = False
            frame.pts = None
            muxer.mux(stream.encode(frame))
            _require_room(encoded.tell(), recording)
        muxer.mux(stream.encode(None))
    if is_empty:
        raise RecordingError(f"{recording.label} contains no audio that can be decoded.")
    return encoded.getvalue()


def _require_room(size: int, recording: Recording) -> None:
    if size > _MAX_BYTES:
        minutes = _MAX_BYTES * 8 / _BIT_RATE / 60
        raise UnsupportedError(
            f"{recording.label} is longer than the {minutes:.0f} minutes that fit into a chat "
            f"message; ask about a part of it, or transcribe it."
        )
