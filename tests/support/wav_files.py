"""Wav recordings of any size."""

import io
import wave
from pathlib import Path
from typing import IO

_SAMPLE_RATE = 16_000
_SAMPLE_BYTES = 2


def wav_of(samples: bytes) -> bytes:
    """Return a wav file of 16-bit samples in one channel at 16 kHz."""
    file = io.BytesIO()
    _write(file, samples)
    return file.getvalue()


def silence_of(size: int) -> bytes:
    """Return a silent wav file of about `size` bytes."""
    return wav_of(bytes(size))


def silent_file(path: Path, size: int) -> Path:
    """Write a silent wav file of about `size` bytes and return its path."""
    with path.open("wb") as file:
        _write(file, bytes(size))
    return path


def _write(file: IO[bytes], samples: bytes) -> None:
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(_SAMPLE_BYTES)
        writer.setframerate(_SAMPLE_RATE)
        writer.writeframes(samples)
