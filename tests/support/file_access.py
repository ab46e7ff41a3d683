"""How an agent's tool reads a file."""

from apertis_audio_tools import FileAccess


def read(access: FileAccess, path: str) -> bytes:
    """All of what the agent may read under that path."""
    with access.reading(path) as (_, file):
        return file.read()
