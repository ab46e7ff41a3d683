"""The reader passes the tests for any reader of LlamaIndex."""

from pathlib import Path

import pytest

from apertis_audio_tools.llama_index import ApertisAudioReader
from support.contract.llama_index_readers import ReaderContract


class TestApertisAudioReader(ReaderContract):
    SECRET = "sk-payg-never-shown"

    @pytest.fixture
    def reader(self, beacon_url: str) -> ApertisAudioReader:
        """Return a reader with passages of up to ten seconds."""
        return ApertisAudioReader(
            api_key=self.SECRET, base_url=beacon_url, model="whisper-large-v3", max_seconds=10
        )

    @pytest.fixture
    def file(self, monday: Path) -> Path:
        """Return a recording of forty seconds."""
        return monday
