"""The language model passes the tests for any model of LlamaIndex."""

from pathlib import Path

import pytest

from apertis_audio_tools.llama_index import ApertisAudioLLM
from support.contract.llama_index_llms import AudioContract

SECRET = "sk-very-secret"


class TestContract(AudioContract):
    SECRET = SECRET
    SPOKEN = "00000 00001"

    @pytest.fixture
    def llm(self, beacon_url: str) -> ApertisAudioLLM:
        """Return a model that uses the sandbox."""
        return ApertisAudioLLM(base_url=beacon_url, api_key=SECRET, temperature=0.5)

    @pytest.fixture
    def broken(self) -> ApertisAudioLLM:
        """Return a model whose server refuses connections."""
        return ApertisAudioLLM(base_url="http://127.0.0.1:9/v1", api_key=SECRET, max_retries=0)

    @pytest.fixture
    def clip(self, meetings: Path) -> Path:
        """Return a recording in a format that has to be converted for chats."""
        return meetings / "later" / "tuesday.ogg"
