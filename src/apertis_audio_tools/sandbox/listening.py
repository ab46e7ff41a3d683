"""A process that recognises utterances, one after the other, over its standard pipes.

pocketsphinx keeps the interpreter's lock while it decodes, so it works in processes of its own.
In: a length (four bytes, big-endian) and that many bytes of 16 kHz mono s16le samples.
Out: one line of JSON, a list of words as [word, start, end, probability], in seconds.
"""

import itertools
import json
import operator
import random
import re
import signal
import sys
from array import array
from collections.abc import Iterator

from pocketsphinx import Decoder

FRAMES_PER_SECOND = 100
DITHER = 20
MOST_HMMS = 3000  # a tenth of the default: as accurate on clean speech, in half the time
QUIET_SECONDS = 0.2  # before and after: a first word without any silence before it is often lost
BYTES_PER_SECOND = 32_000
FILLER = re.compile(r"<.*>|\[.*\]|\+\+.*\+\+")
VARIANT = re.compile(r"\(\d+\)$")
Word = tuple[str, float, float, float]

_FULL_SCALE = 32_767
_QUIET = bytes(round(QUIET_SECONDS * BYTES_PER_SECOND))
_NOISE = random.Random(20).choices(range(-DITHER, DITHER + 1), k=16_000)  # noqa: S311 -- not a secret


def dithered(pcm: bytes) -> bytes:
    """Add the same faint noise every time: digital silence upsets the acoustic model."""
    samples = memoryview(pcm).cast("h")
    noisy = map(operator.add, samples, itertools.cycle(_NOISE))
    return array("h", (max(-_FULL_SCALE, min(_FULL_SCALE, sample)) for sample in noisy)).tobytes()


def words(decoder: Decoder, pcm: bytes) -> Iterator[Word]:
    """Decode one utterance as a whole, so that the answer depends on nothing heard before."""
    seconds = len(pcm) / BYTES_PER_SECOND
    decoder.reinit_feat()
    decoder.start_utt()
    decoder.process_raw(dithered(_QUIET + pcm + _QUIET), full_utt=True)
    decoder.end_utt()
    for part in decoder.seg() or ():
        if not FILLER.fullmatch(part.word):
            start = part.start_frame / FRAMES_PER_SECOND - QUIET_SECONDS
            end = (part.end_frame + 1) / FRAMES_PER_SECOND - QUIET_SECONDS
            yield VARIANT.sub("", part.word), max(0.0, start), min(end, seconds), part.prob


def main() -> None:
    """Answer until the other end of the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    decoder = Decoder(loglevel="FATAL", maxhmmpf=MOST_HMMS)
    while length := sys.stdin.buffer.read(4):
        pcm = sys.stdin.buffer.read(int.from_bytes(length, "big"))
        sys.stdout.write(json.dumps(list(words(decoder, pcm))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
