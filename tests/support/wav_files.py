"""Make wav files of any size."""

import io
import wave
from pathlib import Path
from typing import IO

_SAMPLE_RATE = 16_000
_SAMPLE_BYTES = 2


def wav_bytes(samples: bytes, rate: int = _SAMPLE_RATE, sample_bytes: int = _SAMPLE_BYTES) -> bytes:
    """Return a wav file of one channel, by default at 16 kHz, of 16-bit samples."""
    file = io.BytesIO()
    _write(file, samples, rate, sample_bytes)
    return file.getvalue()


def silent_wav(size: int, rate: int = _SAMPLE_RATE) -> bytes:
    """Return a wav file with `size` bytes of silence; at a low rate, they last long."""
    return wav_bytes(bytes(size), rate)


def write_silent_wav(path: Path, size: int, rate: int = _SAMPLE_RATE) -> Path:
    """Write a wav file with `size` bytes of silence; at a low rate, they last long."""
    with path.open("wb") as file:
        _write(file, bytes(size), rate)
    return path


def _write(file: IO[bytes], samples: bytes, rate: int, sample_bytes: int = _SAMPLE_BYTES) -> None:
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(sample_bytes)
        writer.setframerate(rate)
        writer.writeframes(samples)
