"""Recordings of any size, made for a test."""

import io
import wave
from pathlib import Path
from typing import IO

_SAMPLE_RATE = 16_000
_SAMPLE_BYTES = 2


def wav_of(samples: bytes) -> bytes:
    """A wav file of one channel at 16 kHz, of 16-bit samples."""
    file = io.BytesIO()
    _write(file, samples)
    return file.getvalue()


def silence_of(size: int) -> bytes:
    """A wav file of about `size` bytes."""
    return wav_of(bytes(size))


def silent_file(path: Path, size: int) -> Path:
    """The same on disk."""
    with path.open("wb") as file:
        _write(file, bytes(size))
    return path


def _write(file: IO[bytes], samples: bytes) -> None:
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(_SAMPLE_BYTES)
        sound.setframerate(_SAMPLE_RATE)
        sound.writeframes(samples)
