"""A sandbox that hears beacons."""

from collections.abc import Iterator

import pytest

from apertis_audio_tools.sandbox import Sandbox


@pytest.fixture(scope="session")
def beacon_url() -> Iterator[str]:
    """The base URL of a sandbox whose engine hears beacons and nothing else."""
    with Sandbox(recogniser="beacon") as url:
        yield url
