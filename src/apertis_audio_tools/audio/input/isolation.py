"""Open a recording in a child process first, with limits on its memory and its time.

For recordings of strangers: the checks of `screening` know the ways in which small files have cost
much, and the limits hold for ways that are not known yet. Only on Linux; elsewhere nothing is done.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from apertis_audio_tools.audio.input.sources import OpenFile, Source, SourceContent, open_source
from apertis_audio_tools.errors import RecordingError

STARTED, FINISHED = b"started\n", b"finished\n"
"""Output of the child once its limits are set, and once it has kept to them."""
_CHILD = (
    "import sys; sys.path[:] = sys.argv[3:]; "
    "from apertis_audio_tools.audio.input.probe_process import main; main(*map(int, sys.argv[1:3]))"
)
_TIME_FACTOR = 10
"""Limit of the time that the child may wait for the disk and for other processes."""


def cpu_limit(size: int) -> int:
    """Return the seconds of processor time for opening a file of a size in bytes."""
    return 10 + size // (25 << 20)


def probe_in_child(source: Source) -> None:
    """Open a source in a child process, and raise an error if that costs too much.

    Raises:
        RecordingError: If the source cannot be read, if opening it takes too much memory or time,
            or if the child cannot be started.
    """
    content = open_source(source)
    try:
        require_bounded_probe(content)
    finally:
        content.close()


def require_bounded_probe(content: SourceContent) -> None:
    """Raise an error if opening a content takes too much memory or time; see `probe_in_child`."""
    if sys.platform != "linux":
        return
    with _as_file(content) as opened:
        output = _run_child(opened, content)
    if not output.startswith(STARTED):
        raise _not_started(content, "it ended at once")
    if output != STARTED + FINISHED:
        raise RecordingError(
            f"{content.label} is refused, because opening it takes too much memory or time; "
            f"convert it, for example to mp3."
        )


def _run_child(opened: OpenFile, content: SourceContent) -> bytes:
    """Return the output of the child, which is incomplete if the child was ended."""
    if not sys.executable or getattr(sys, "frozen", False):
        raise _not_started(content, "there is no Python interpreter to start")
    # The child imports from where this process does, but never from the current folder.
    paths = [path for path in sys.path if os.path.isabs(path)]  # noqa: PTH117  # a plain string
    seconds = cpu_limit(content.size)
    library_path = os.environ.get("LD_LIBRARY_PATH")
    try:
        finished = subprocess.run(  # noqa: S603  # this package itself
            [sys.executable, "-I", "-c", _CHILD, str(opened.start), str(seconds), *paths],
            stdin=opened.file,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=False,
            cwd="/",
            env={"LD_LIBRARY_PATH": library_path} if library_path else {},  # no key
            timeout=_TIME_FACTOR * seconds,
        )
    except subprocess.TimeoutExpired:
        return STARTED
    except OSError as error:
        raise _not_started(content, error.strerror or str(error)) from error
    # The exit status is unknown if the program has a handler that waits for all its children.
    return finished.stdout


@contextlib.contextmanager
def _as_file(content: SourceContent) -> Iterator[OpenFile]:
    """Yield the open file that a content is in, or a temporary copy."""
    if content.open_file is not None:
        yield content.open_file
        return
    with tempfile.TemporaryFile() as copy, content.open() as stream:
        shutil.copyfileobj(stream, copy)
        copy.flush()
        yield OpenFile(copy, 0)


def _not_started(content: SourceContent, reason: str) -> RecordingError:
    return RecordingError(
        f"{content.label} was not opened, because no process could be started to check it first "
        f"({reason}); isolate_probe=False opens recordings without."
    )
