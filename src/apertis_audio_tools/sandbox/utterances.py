"""Where one utterance ends and the next begins: pauses, found by voice activity detection."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from apertis_audio_tools.sandbox.decoding import BYTES_PER_SECOND

PAUSE_SECONDS: Final = 0.45
MAX_SECONDS: Final = 20
_MARGIN: Final = BYTES_PER_SECOND * 15 // 100
_TENTH: Final = BYTES_PER_SECOND // 10


@dataclass(frozen=True)
class Utterance:
    """A stretch of speech: where it starts (seconds) and its samples (16 kHz mono s16le)."""

    start: float
    pcm: bytes


def utterances(pcm: bytes) -> Iterator[Utterance]:
    """Cut a recording at its pauses, and at the quietest moment where there is none for long."""
    for begin, end in _speech(pcm):
        start = begin
        while end - start > MAX_SECONDS * BYTES_PER_SECOND:
            cut = _quietest(pcm, start + MAX_SECONDS * BYTES_PER_SECOND // 2)
            yield Utterance(start / BYTES_PER_SECOND, pcm[start:cut])
            start = cut
        yield Utterance(start / BYTES_PER_SECOND, pcm[start:end])


def _speech(pcm: bytes) -> Iterator[tuple[int, int]]:
    """Byte ranges with speech, each with a margin of the silence around it."""
    from pocketsphinx import Segmenter

    segmenter = Segmenter(window=PAUSE_SECONDS, vad_mode=1)
    whole_frames = len(pcm) % segmenter.frame_bytes == 0
    previous = 0
    # The segmenter ends the last utterance only when it meets an incomplete frame.
    for segment in segmenter.segment(BytesIO(pcm + bytes(2) if whole_frames else pcm)):
        start = max(previous, _offset(segment.start_time) - _MARGIN)
        previous = min(len(pcm), _offset(segment.end_time) + _MARGIN)
        yield start, previous


def _offset(seconds: float) -> int:
    return round(seconds * BYTES_PER_SECOND / 2) * 2


def _quietest(pcm: bytes, start: int) -> int:
    """The middle of the quietest tenth of a second in the half utterance after `start`."""
    tenths = range(start, start + MAX_SECONDS * BYTES_PER_SECOND // 2, _TENTH)
    return min(tenths, key=lambda at: _loudness(pcm[at : at + _TENTH])) + _TENTH // 2


def _loudness(pcm: bytes) -> int:
    return sum(map(abs, memoryview(pcm).cast("h")))
