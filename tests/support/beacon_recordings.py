"""Beacon recordings of any length, in every container and codec that the service accepts."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from apertis_audio_tools.sandbox.beacons import (
    SYMBOL_SECONDS,
    SYMBOLS,
    TONE_SECONDS,
    TONES,
    encode_number,
)
from support.encoded_recordings import FAST_ENCODING

_SLOTS = 25
_QUIET_SLOTS = (_SLOTS - SYMBOLS) // 2
PERIOD_SECONDS = _SLOTS * SYMBOL_SECONDS
"""Seconds from the start of a beacon to the start of the next: 2 s."""
FIRST_SECONDS = _QUIET_SLOTS * SYMBOL_SECONDS
"""Start of the first beacon. Each is in the middle of its two seconds."""

AMPLITUDE = 4_000
"""Amplitude of each tone, of 32,767. Speech is about as loud."""
_RAMP_SECONDS = 0.002
"""Seconds in which a tone rises and falls, so that it does not click."""
QUIET_NOISE = 16.0
"""Standard deviation of the noise, of 32,767: 48 dB below the tones."""
_FRAMES_PER_SECOND = 25


@dataclass(frozen=True)
class BeaconFormat:
    """FFmpeg's names of a container and of an encoder, and other settings.

    `start` is the second at which the audio begins.
    """

    container: str
    encoder: str
    sample_rate: int
    bit_rate: int = 0
    layout: str = "mono"
    picture: str = ""
    options: dict[str, str] = field(default_factory=dict)
    start: float = 0.0


FORMATS = {
    "mp3": BeaconFormat("mp3", "libmp3lame", 16_000, 32_000),
    "m4a": BeaconFormat("ipod", "aac", 24_000, 32_000),
    "mp4": BeaconFormat("mp4", "aac", 16_000, 24_000, picture="mpeg4"),
    "ogg": BeaconFormat("ogg", "libopus", 16_000, 24_000),
    "vorbis.ogg": BeaconFormat("ogg", "vorbis", 8_000, layout="stereo"),
    "webm": BeaconFormat("webm", "libopus", 48_000, 32_000),
    "wav": BeaconFormat("wav", "pcm_s16le", 16_000),
    "flac": BeaconFormat("flac", "flac", 22_050),
    "mpga": BeaconFormat("mp2", "mp2", 32_000, 64_000),
    "mpeg": BeaconFormat("mpeg", "mp2", 44_100, 64_000, picture="mpeg1video"),
}
"""Formats by the suffix of the file."""


def beacon_start(number: int) -> float:
    """Return the second at which a beacon begins."""
    return FIRST_SECONDS + number * PERIOD_SECONDS


def beacon_samples(
    sample_rate: int,
    count: int,
    *,
    first: int = 0,
    noise: float = QUIET_NOISE,
    has_pauses: bool = True,
) -> Iterator[bytes]:
    """Yield beacons, two seconds each, in signed 16-bit samples.

    Args:
        sample_rate: Sample rate in Hz, a multiple of 25.
        count: Number of beacons.
        first: Number of the first one. Defaults to 0.
        noise: Standard deviation of the noise between and below the tones, of 32,767.
        has_pauses: Whether it is quiet between beacons. If not, there is a rattle all the time, so
            that no pause is long enough to cut in. Defaults to True.
    """
    slots, before, after = _make_slots(sample_rate, noise, has_pauses)
    for number in range(first, first + count):
        yield b"".join((before, *map(slots.__getitem__, encode_number(number)), after))


@functools.cache
def _make_slots(
    sample_rate: int,
    noise: float,
    has_pauses: bool,  # noqa: FBT001  # keywords are other keys
) -> tuple[dict[str, bytes], bytes, bytes]:
    """Return the samples of each symbol, and those between two beacons, in two halves."""
    dice = np.random.default_rng(1)
    slots = {key: _slot(sample_rate, noise, dice, TONES[key]) for key in TONES}
    loud = noise if has_pauses else AMPLITUDE
    quiet_first, loud_first = (
        b"".join(_slot(sample_rate, levels[at % 2], dice) for at in range(_QUIET_SLOTS))
        for levels in ((noise, loud), (loud, noise))
    )
    return slots, quiet_first, loud_first


def _slot(
    sample_rate: int, noise: float, dice: np.random.Generator, tones: tuple[int, ...] = ()
) -> bytes:
    """Return eighty milliseconds of noise, with tones or without."""
    seconds = np.arange(round(sample_rate * SYMBOL_SECONDS)) / sample_rate
    rising = np.minimum(seconds, TONE_SECONDS - seconds) / _RAMP_SECONDS
    waves = (np.sin(2 * np.pi * tone * seconds) for tone in tones)
    tone = AMPLITUDE * np.clip(rising, 0, 1) * sum(waves, np.zeros_like(seconds))
    return to_int16(tone + dice.normal(0, noise, len(seconds)))


def to_int16(samples: NDArray[np.float64]) -> bytes:
    """Return samples as they are in files: whole numbers, clipped where they are too loud."""
    return np.clip(np.rint(samples), -32_768, 32_767).astype(np.int16).tobytes()


def write_beacons(form: BeaconFormat, path: Path, count: int, *, has_pauses: bool = True) -> Path:
    """Write a recording of beacons, in memory that does not grow with their number."""
    with av.open(str(path), "w", format=form.container) as container:
        video = _Video(container, form.picture) if form.picture else None
        options = FAST_ENCODING.get(form.encoder, {}) | form.options
        stream: Any = container.add_stream(
            form.encoder, rate=form.sample_rate, layout=form.layout, options=options
        )
        if form.bit_rate:
            stream.bit_rate = form.bit_rate
        for number, pcm in enumerate(
            beacon_samples(form.sample_rate, count, has_pauses=has_pauses)
        ):
            container.mux(stream.encode(_frame(pcm, form, number)))
            if video is not None:
                video.write_period()
        container.mux(stream.encode(None))
        if video is not None:
            video.finish()
    return path


def _frame(pcm: bytes, form: BeaconFormat, number: int) -> AudioFrame:
    samples, sample_rate = len(pcm) // 2, form.sample_rate
    frame = AudioFrame("s16", "mono", samples)
    frame.planes[0].update(pcm.ljust(frame.planes[0].buffer_size, b"\0"))
    frame.sample_rate, frame.pts = sample_rate, number * samples + round(form.start * sample_rate)
    frame.time_base = Fraction(1, sample_rate)
    return frame


class _Video:
    """A small picture for containers that are made for video."""

    def __init__(self, container: OutputContainer, encoder: str) -> None:
        self._container = container
        stream = container.add_stream(encoder, rate=_FRAMES_PER_SECOND)
        assert isinstance(stream, VideoStream)
        stream.width = stream.height = 16
        stream.pix_fmt = "yuv420p"
        self._stream = stream
        self._count = 0

    def write_period(self) -> None:
        """Write the pictures of the period of a beacon."""
        for _ in range(round(PERIOD_SECONDS * _FRAMES_PER_SECOND)):
            picture = VideoFrame(16, 16, "yuv420p")
            picture.pts, picture.time_base = self._count, Fraction(1, _FRAMES_PER_SECOND)
            self._count += 1
            self._container.mux(self._stream.encode(picture))

    def finish(self) -> None:
        """Write what the encoder holds back."""
        self._container.mux(self._stream.encode(None))
