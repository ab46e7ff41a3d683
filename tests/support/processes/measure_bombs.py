"""A process that checks all bombs, and writes the outcomes and the growth of its memory."""

import json
import resource
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from support.hostile.bombs import BOMBS
from support.hostile.fuzz_target import check_all
from support.hostile.samples import samples


def peak() -> int:
    """Return the most bytes that this process has had in memory."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Write a line for each bomb: its name, the outcomes, and the growth."""
    check_all(samples()["mp4"])
    for name, make in BOMBS.items():
        data, before = make(), peak()
        outcomes = check_all(data)
        sys.stdout.write(json.dumps([name, outcomes, peak() - before]) + "\n")


if __name__ == "__main__":
    main()
