"""A sandbox that recognises beacons."""

from collections.abc import Iterator

import pytest

from apertis_audio_tools.sandbox import Sandbox


@pytest.fixture(scope="session")
def beacon_url() -> Iterator[str]:
    """Yield the base URL of a sandbox whose engine recognises only beacons."""
    with Sandbox(recogniser="beacon") as url:
        yield url
