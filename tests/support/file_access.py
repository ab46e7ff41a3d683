"""Read a file the way an agent's tool does."""

from apertis_audio_tools import FileAccess


def read_file(access: FileAccess, path: str) -> bytes:
    """Return the content of a file that the agent may read."""
    with access.reading(path) as (_, file):
        return file.read()
