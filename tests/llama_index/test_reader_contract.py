"""The reader keeps LlamaIndex's contract."""

from pathlib import Path

import pytest

from apertis_audio_tools.llama_index import ApertisAudioReader
from support.contract.llama_index_readers import ReaderContract


class TestApertisAudioReader(ReaderContract):
    SECRET = "sk-payg-never-shown"

    @pytest.fixture
    def reader(self, beacon_url: str) -> ApertisAudioReader:
        """Passages of up to ten seconds."""
        return ApertisAudioReader(api_key=self.SECRET, base_url=beacon_url, max_seconds=10)

    @pytest.fixture
    def file(self, monday: Path) -> Path:
        """Forty seconds of beacons."""
        return monday
