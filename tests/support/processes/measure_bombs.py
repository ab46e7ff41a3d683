"""A process that tries all bombs and says what came of each, and how much its memory grew."""

import json
import resource
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from support.hostile.bombs import BOMBS
from support.hostile.fuzz_target import tried
from support.hostile.samples import samples


def peak() -> int:
    """Bytes that this process has had in memory at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Write a line for each bomb: what it is, what came of it, and the growth."""
    tried(samples()["mp4"])
    for name, made in BOMBS.items():
        data, before = made(), peak()
        outcomes = tried(data)
        sys.stdout.write(json.dumps([name, outcomes, peak() - before]) + "\n")


if __name__ == "__main__":
    main()
