"""Identify the format and duration of speech that the service returned."""

from apertis_audio_tools.audio.input.probing import probe
from apertis_audio_tools.audio.input.sources import Source, open_source
from apertis_audio_tools.errors import RecordingError

PCM_BYTES_PER_SECOND = 24_000 * 2
"""Headerless speech is 24 kHz mono, signed 16-bit little-endian (OpenAI's convention)."""
_FORMATS = {"mp3": "mp3", "ogg": "opus", "aac": "aac", "flac": "flac", "wav": "wav"}
_RIFF = b"RIFF"


def identify_speech(source: Source, requested: str) -> tuple[str, float]:
    """Return the speech format the bytes really have, and their duration in seconds.

    If ``pcm`` was requested, it is believed, because it has no header.

    Raises:
        RecordingError: If the source is not audio, or has none of the speech formats.
    """
    if requested == "pcm":
        content = open_source(source)
        with content.open() as stream:
            if stream.read(len(_RIFF)) != _RIFF:
                return "pcm", content.size / PCM_BYTES_PER_SECOND
    with probe(source) as recording:
        if recording.container not in _FORMATS:
            raise RecordingError(
                f"{recording.label} is {recording.container}, which is not a speech format."
            )
        return _FORMATS[recording.container], recording.duration
