"""Process that forks with an open cache. Both processes use it; the parent closes it first.

Argument: cache folder. On stdout are the keys that the parent finds in the end.
"""

import os
import sys
from pathlib import Path

from apertis_audio_tools import Transcript
from apertis_audio_tools.pipeline.cache import TranscriptCache

KEYS = ["before the fork", "of the parent", "of the child", "of the child, later"]


def main(folder: str) -> None:
    """Put one transcript before the fork, and one or two in each process afterwards."""
    cache = TranscriptCache(Path(folder))
    cache.put(KEYS[0], Transcript(text=""))
    from_child, to_parent = os.pipe()
    from_parent, to_child = os.pipe()
    if not (child := os.fork()):
        cache.put(KEYS[2], Transcript(text=""))
        os.write(to_parent, b"!")
        os.read(from_parent, 1)
        cache.put(KEYS[3], Transcript(text=""))
        os._exit(0)
    cache.put(KEYS[1], Transcript(text=""))
    os.read(from_child, 1)
    cache.close()
    os.write(to_child, b"!")
    _, status = os.waitpid(child, 0)
    assert status == 0
    sys.stdout.write("\n".join(key for key in KEYS if cache.get(key)))


if __name__ == "__main__":
    main(sys.argv[1])
