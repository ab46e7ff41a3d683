"""Files that this process has open, on systems that list them."""

import contextlib
from pathlib import Path


def open_files() -> set[str]:
    """Return the paths of the open files of this process, or none if the system lists none."""
    folder = Path("/proc/self/fd")
    names = set()
    for descriptor in [*folder.iterdir()] if folder.exists() else []:
        with contextlib.suppress(FileNotFoundError):  # another thread has just closed it
            names.add(str(descriptor.readlink()))
    return names


def temporary_files() -> set[str]:
    """Return the open files that have been deleted, except for those of multiprocessing."""
    return {name for name in open_files() if name.endswith("(deleted)") and "/pym-" not in name}
