"""The language model keeps LlamaIndex's contract."""

from pathlib import Path

import pytest

from apertis_audio_tools.llama_index import ApertisAudioLLM, register
from support.contract.llama_index_llms import HearingContract

SECRET = "sk-very-secret"


class TestContract(HearingContract):
    SECRET = SECRET
    SPOKEN = "00000 00001"

    @pytest.fixture
    def llm(self, beacon_url: str) -> ApertisAudioLLM:
        """A model that asks the sandbox."""
        register()
        return ApertisAudioLLM(base_url=beacon_url, api_key=SECRET, temperature=0.5)

    @pytest.fixture
    def broken(self) -> ApertisAudioLLM:
        """One that asks a port nobody listens on."""
        return ApertisAudioLLM(base_url="http://127.0.0.1:9/v1", api_key=SECRET, max_retries=0)

    @pytest.fixture
    def clip(self, meetings: Path) -> Path:
        """A recording in a format that chats do not take as it is."""
        return meetings / "later" / "tuesday.ogg"
