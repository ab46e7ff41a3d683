"""Make wav files of any size."""

import io
import wave
from pathlib import Path
from typing import IO

_SAMPLE_RATE = 16_000
_SAMPLE_BYTES = 2


def wav_bytes(samples: bytes) -> bytes:
    """Return a wav file of one channel at 16 kHz, of 16-bit samples."""
    file = io.BytesIO()
    _write(file, samples)
    return file.getvalue()


def silent_wav(size: int) -> bytes:
    """Return a wav file with `size` bytes of silence."""
    return wav_bytes(bytes(size))


def write_silent_wav(path: Path, size: int) -> Path:
    """Write a wav file with `size` bytes of silence."""
    with path.open("wb") as file:
        _write(file, bytes(size))
    return path


def _write(file: IO[bytes], samples: bytes) -> None:
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(_SAMPLE_BYTES)
        writer.setframerate(_SAMPLE_RATE)
        writer.writeframes(samples)
