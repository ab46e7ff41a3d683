"""Headers of frames are compared, and not kept."""

import random
import tracemalloc
from collections import deque

import pytest

from apertis_audio_tools.audio.input.frame_headers import FormatChangeError, require_one_format

MPEG, SLOWER_MPEG = b"\xff\xfb\x90\xc4", b"\xff\xfb\x94\xc4"


class Packet(bytes):
    """The bytes of a packet."""


def test_heads_of_raw_frames_are_not_kept() -> None:
    """Raw AAC has no headers: of 100,000 frames, which all begin otherwise, nothing is kept."""
    generator = random.Random(0)
    packets = (Packet(b"\x21" + generator.randbytes(7)) for _ in range(100_000))
    tracemalloc.start()
    try:
        deque(require_one_format(packets, "aac"), maxlen=0)
        assert tracemalloc.get_traced_memory()[1] < 200_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("count", [0, 1, 99, 100, 250])
def test_all_frames_before_a_change_are_yielded(count: int) -> None:
    """Wherever the sample rate changes, the frames before that are yielded."""
    packets = [Packet(MPEG)] * count + [Packet(b"damage"), Packet(SLOWER_MPEG)]
    found = list[bytes]()
    checked = require_one_format(iter([Packet(MPEG), *packets]), "mp3")
    with pytest.raises(FormatChangeError):
        found.extend(checked)
    assert len(found) == count + 2
