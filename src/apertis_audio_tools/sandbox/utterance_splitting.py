"""Split recordings into utterances at pauses, found by voice activity detection."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from apertis_audio_tools.sandbox.audio_decoding import BYTES_PER_SECOND

PAUSE_SECONDS: Final = 0.45
MAX_SECONDS: Final = 20
_MAX_BYTES: Final = MAX_SECONDS * BYTES_PER_SECOND
_MARGIN: Final = BYTES_PER_SECOND * 15 // 100
_TENTH: Final = BYTES_PER_SECOND // 10


@dataclass(frozen=True)
class Utterance:
    """A stretch of speech: its start in seconds, and its 16 kHz mono s16le samples."""

    start: float
    pcm: bytes


def split_utterances(pcm: bytes) -> Iterator[Utterance]:
    """Split a recording at its pauses; without pauses, at the quietest moments."""
    for begin, end in _speech_ranges(pcm):
        start = begin
        while end - start > _MAX_BYTES:
            cut = _quietest_moment(pcm, start + _MAX_BYTES // 2)
            yield Utterance(start / BYTES_PER_SECOND, pcm[start:cut])
            start = cut
        yield Utterance(start / BYTES_PER_SECOND, pcm[start:end])


def _speech_ranges(pcm: bytes) -> Iterator[tuple[int, int]]:
    """Yield byte ranges with speech, each with a margin of the silence around it."""
    from pocketsphinx import Segmenter

    segmenter = Segmenter(window=PAUSE_SECONDS, vad_mode=1)
    has_whole_frames = len(pcm) % segmenter.frame_bytes == 0
    previous = 0
    # The segmenter ends the last utterance only when it meets an incomplete frame.
    for segment in segmenter.segment(BytesIO(pcm + bytes(2) if has_whole_frames else pcm)):
        start = max(previous, _byte_offset(segment.start_time) - _MARGIN)
        previous = min(len(pcm), _byte_offset(segment.end_time) + _MARGIN)
        yield start, previous


def _byte_offset(seconds: float) -> int:
    return round(seconds * BYTES_PER_SECOND / 2) * 2


def _quietest_moment(pcm: bytes, start: int) -> int:
    """Return the middle of the quietest tenth of a second in the half utterance after `start`."""
    tenths = range(start, start + _MAX_BYTES // 2, _TENTH)
    return min(tenths, key=lambda at: _loudness(pcm[at : at + _TENTH])) + _TENTH // 2


def _loudness(pcm: bytes) -> int:
    return sum(map(abs, memoryview(pcm).cast("h")))
