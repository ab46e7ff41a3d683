"""A process that reads hostile texts of one size and four times the size, and writes the times.

Its arguments are the number of pairs of tokens for each reader, and the readers (default: all). For
each reader and shape it writes a line of JSON: reader, shape, and the seconds of both sizes.
"""

import contextlib
import faulthandler
import itertools
import json
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from support.hostile.readers import EXPECTED, READERS, Reader

SIZE = 25_000
"""Characters of the smaller text. Quadratic time for four times as many is seen at any speed."""
FLOOR = 0.2
"""Seconds below which nothing is compared, for the noise would be larger."""
NOISY_RATIO = 6.0
"""Ratio of the times above which the larger text is read again."""
HANG_SECONDS = 60.0


def shapes(reader: Reader, pairs: int) -> Iterator[tuple[str, str, str]]:
    """Yield a name, a beginning and an end for each shape: tokens repeated, nested, interleaved."""
    for token in reader.tokens if pairs else reader.tokens[::2]:
        yield f"{token!r} repeated", token, ""
    both = list(itertools.permutations(reader.tokens, 2))
    random.Random(0).shuffle(both)
    for number, (one, other) in enumerate(both[:pairs]):
        if number % 3 == 0:
            yield f"{one!r} and {other!r} in turn", one + other, ""
        elif number % 3 == 1:
            yield f"{one!r} before {other!r}", one, other
        else:
            yield f"{one!r} and words before {other!r}", f"{one} a b. ", other


def text(first: str, last: str, size: int) -> str:
    """Return a text of about a size: one token repeated, and then the other as often."""
    count = size // len(first + last)
    return first * count + last * count


def seconds(reader: Reader, hostile: str) -> float:
    """Return the processor's time for reading a text."""
    began = time.process_time()
    with contextlib.suppress(*EXPECTED):
        reader.read(hostile)
    return time.process_time() - began


def measure(reader: Reader, first: str, last: str) -> tuple[float, float]:
    """Return the times for both sizes; the smaller is not read if the larger takes no time."""
    larger = seconds(reader, text(first, last, 4 * SIZE))
    if larger < FLOOR:
        return 0.0, larger
    smaller = seconds(reader, text(first, last, SIZE))
    if larger > NOISY_RATIO * smaller:  # perhaps because of the rest of the machine
        larger = min(larger, seconds(reader, text(first, last, 4 * SIZE)))
    return smaller, larger


def main() -> None:
    """Write a line for each reader and shape."""
    pairs, names = int(sys.argv[1]), sys.argv[2:] or list(READERS)
    for name in names:
        for shape, first, last in shapes(READERS[name], pairs):
            faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
            times = measure(READERS[name], first, last)
            sys.stdout.write(json.dumps([name, shape, *times]) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
