"""Process that forks while one of its threads holds a lock.

On stdout is the exit code of the child: 0 if it acquired the lock, or that of a timeout signal.
"""

import os
import signal
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from apertis_audio_tools.concurrency import fork_safety
from support.timeouts import TIMEOUT


def main() -> None:
    """Fork, and take the lock in the child."""
    lock, held, ended = fork_safety.ForkSafeLock(), threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            ended.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    child = os.fork()
    if not child:
        signal.alarm(int(TIMEOUT))
        with lock:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    ended.set()
    thread.join()
    sys.stdout.write(str(os.waitstatus_to_exitcode(status)))


if __name__ == "__main__":
    main()
