"""Audio made fit for chat: wav and mp3 as they are, everything else as mp3."""

import functools
import io
from itertools import chain

import av

from apertis_audio_tools.recordings.probing import Recording, demuxing
from apertis_audio_tools.recordings.sound import best_stream, mono, packets
from apertis_audio_tools.wire import Upload

_AS_IT_IS = frozenset({"wav", "mp3"})
_SAMPLE_RATE, _BIT_RATE = 24_000, 64_000
"""Hz and bits per second: transparent for speech, half a megabyte a minute."""
_FRAME = 1_152
"""Samples of a frame of mp3."""


def chat_audio(recording: Recording) -> tuple[Upload, str]:
    """What a chat message carries, and its format: ``wav`` or ``mp3``.

    Raises:
        RecordingError: The recording cannot be decoded.
    """
    if recording.container in _AS_IT_IS:
        return recording.upload(), recording.container
    data = _as_mp3(recording)
    return Upload("audio.mp3", "audio/mpeg", len(data), functools.partial(io.BytesIO, data)), "mp3"


def _as_mp3(recording: Recording) -> bytes:
    encoded = io.BytesIO()
    with demuxing(recording.content) as source, av.open(encoded, "w", format="mp3") as target:
        stream = target.add_stream("libmp3lame", rate=_SAMPLE_RATE, layout="mono")
        stream.bit_rate = _BIT_RATE
        heard = best_stream(source)
        found = chain(packets(source, heard), (None,))
        sound = chain.from_iterable(map(heard.codec_context.decode, found))
        for frame in mono(sound, _SAMPLE_RATE, frame_size=_FRAME, sample_format="s16p"):
            frame.pts = None
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return encoded.getvalue()
