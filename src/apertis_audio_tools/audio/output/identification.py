"""What kind of sound an answer of the speech endpoint holds, and how long it lasts."""

from apertis_audio_tools.audio.input.probing import probe
from apertis_audio_tools.audio.input.sources import Source, open_source
from apertis_audio_tools.errors import RecordingError

PCM_BYTES_PER_SECOND = 24_000 * 2
"""Headerless speech is 24 kHz mono, signed 16-bit little-endian (OpenAI's convention)."""

SPEECH_MEDIA_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
_FORMATS = {"mp3": "mp3", "ogg": "opus", "aac": "aac", "flac": "flac", "wav": "wav"}
_RIFF = b"RIFF"


def identify_speech(source: Source, asked: str) -> tuple[str, float]:
    """The speech format the bytes really are, and their duration in seconds.

    Raises:
        RecordingError: They are no sound, or in none of the speech formats.
    """
    content = open_source(source)
    if asked == "pcm":
        with content.open() as stream:
            if stream.read(len(_RIFF)) != _RIFF:
                return "pcm", content.size / PCM_BYTES_PER_SECOND
    recording = probe(source)
    if recording.container not in _FORMATS:
        raise RecordingError(f"{recording.label} is {recording.container}, no speech format.")
    return _FORMATS[recording.container], recording.duration
