"""Folders that an agent may read."""

from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of recordings; beside it lie secrets, one under the name of a recording."""
    inside = tmp_path / "recordings"
    (inside / "june").mkdir(parents=True)
    (inside / "standup.ogg").write_bytes(b"audio")
    (inside / "june" / "review.mp3").write_bytes(b"more audio")
    (tmp_path / "secret.txt").write_bytes(b"secret")
    (tmp_path / "standup.ogg").write_bytes(b"secret")
    return inside
