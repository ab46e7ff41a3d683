"""Encode recordings for chat messages: 16-bit wav and mp3 stay as they are.

Wav in other codecs becomes 16-bit wav, all else mp3.
"""

import functools
import io
from collections.abc import Iterable
from itertools import islice
from math import ceil
from typing import Literal, NamedTuple

import av
from av.audio.frame import AudioFrame

from apertis_audio_tools.api.request import Upload
from apertis_audio_tools.audio.input.frames import resample_mono
from apertis_audio_tools.audio.input.probing import Recording
from apertis_audio_tools.audio.input.tracks import map_av_errors
from apertis_audio_tools.audio.input.upload_formats import MEDIA_TYPES
from apertis_audio_tools.audio.timing.decoding import Gap, decode_recording, frames_from
from apertis_audio_tools.audio.timing.extent import measure_extent
from apertis_audio_tools.errors import RecordingError, UnsupportedError
from apertis_audio_tools.models import MAX_UPLOAD_BYTES

_CHAT_CODECS = frozenset({("wav", "pcm_s16le"), ("mp3", "mp3"), ("mp3", "mp3float")})
"""The containers, with their decoders, that chat models surely decode."""
_SAMPLE_RATE, _BIT_RATE = 24_000, 64_000
"""Hz and bits per second: transparent for speech, half a megabyte a minute."""
_FRAME_SAMPLES = 1_152
"""Samples of a frame of mp3."""
_BLOCK_SECONDS = 0.01
"""Seconds of a block. A part is made of whole ones, so that nothing of it is cut off."""
_MIN_SECONDS = 0.1
_MAX_BYTES = MAX_UPLOAD_BYTES // 4 * 3
"""Bytes that become a request of the largest size, in base64."""
_MAX_SHARE = 0.9
"""Share of the largest size that is encoded without loss, because durations are not exact."""


class _Target(NamedTuple):
    """A container, an encoder and the format of its samples."""

    container: Literal["wav", "mp3"]
    encoder: Literal["pcm_s16le", "libmp3lame"]
    sample_format: str


_WAV, _MP3 = _Target("wav", "pcm_s16le", "s16"), _Target("mp3", "libmp3lame", "s16p")


def encode_chat_clip(recording: Recording) -> tuple[Upload, str]:
    """Return the file that a chat message carries, and its format: ``wav`` or ``mp3``.

    Damaged or missing parts of a recording that has to be encoded become silence.

    Raises:
        RecordingError: If the recording cannot be decoded.
        UnsupportedError: If it is too long for a chat message, even as mp3 (40 minutes).
    """
    with map_av_errors(recording.label):
        if _is_sent_unchanged(recording):
            return recording.upload(), recording.container
        size = recording.duration * _SAMPLE_RATE * 2
        is_lossless = recording.wav_layout is not None and size <= _MAX_BYTES * _MAX_SHARE
        target = _WAV if is_lossless else _MP3
        decoded = decode_recording(recording, _SAMPLE_RATE)
        frames = (frame for frame in decoded if not isinstance(frame, Gap))
        data = _encode(recording, _resample(frames, target, _FRAME_SAMPLES), target)
    name, media_type = f"audio.{target.container}", MEDIA_TYPES[target.container]
    upload = Upload(name, media_type, len(data), functools.partial(io.BytesIO, data))
    return upload, target.container


def cut_chat_clip(recording: Recording, start: float, end: float) -> bytes:
    """Return a part of a recording as mp3, to which it is decoded from its beginning.

    Args:
        recording: The recording.
        start: Second on the player's time line at which the part begins.
        end: Second at which it ends. It lasts for a tenth of a second at least.

    Raises:
        RecordingError: If there is no audio in the part.
        UnsupportedError: If it is too long for a chat message.
    """
    begin = max(start - recording.start, 0.0)
    seconds = max(end - recording.start - begin, _MIN_SECONDS)
    with map_av_errors(recording.label):
        early, frames = frames_from(decode_recording(recording, _SAMPLE_RATE), begin)
        blocks = _resample(frames, _MP3, round(_SAMPLE_RATE * _BLOCK_SECONDS))
        first = int(early / _BLOCK_SECONDS)
        last = ceil((early + seconds) / _BLOCK_SECONDS)
        return _encode(recording, islice(blocks, first, last), _MP3)


def _is_sent_unchanged(recording: Recording) -> bool:
    is_readable = (recording.container, recording.codec) in _CHAT_CODECS
    if not is_readable or not recording.is_plain or recording.content.size > _MAX_BYTES:
        return False
    layout = recording.wav_layout
    return layout.has_plain_header if layout else measure_extent(recording).is_plain


def _resample(frames: Iterable[AudioFrame], target: _Target, size: int) -> Iterable[AudioFrame]:
    return resample_mono(frames, _SAMPLE_RATE, frame_size=size, sample_format=target.sample_format)


def _encode(recording: Recording, frames: Iterable[AudioFrame], target: _Target) -> bytes:
    encoded = io.BytesIO()
    is_empty = True
    with av.open(encoded, "w", format=target.container) as muxer:
        stream = muxer.add_stream(target.encoder, rate=_SAMPLE_RATE, layout="mono")
        if target is _MP3:
            stream.bit_rate = _BIT_RATE
        for frame in frames:
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
