"""What agents are given to read."""

from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Recordings to read, and beside them a secret and one that has the name of a recording."""
    inside = tmp_path / "recordings"
    (inside / "june").mkdir(parents=True)
    (inside / "standup.ogg").write_bytes(b"sound")
    (inside / "june" / "review.mp3").write_bytes(b"more sound")
    (tmp_path / "secret.txt").write_bytes(b"secret")
    (tmp_path / "standup.ogg").write_bytes(b"secret")
    return inside
