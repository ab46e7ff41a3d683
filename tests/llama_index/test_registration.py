"""LlamaIndex loads the serialised reader and language model by their names."""

import pytest
from llama_index.core.llms.loading import load_llm
from llama_index.core.readers.loading import load_reader

from apertis_audio_tools.llama_index import ApertisAudioLLM, ApertisAudioReader


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APERTIS_API_KEY", "sk-anybody")


def test_reader() -> None:
    """A reader is loaded from its serialised form, with its settings."""
    serialised = ApertisAudioReader(language="de", granularity="segment").to_dict()
    loaded = load_reader(serialised)
    assert isinstance(loaded, ApertisAudioReader)
    assert (loaded.language, loaded.granularity) == ("de", "segment")


def test_llm() -> None:
    """A language model is loaded from its serialised form, which has no key."""
    serialised = ApertisAudioLLM("gpt-4o-audio-preview", seed=7).to_dict()
    assert "sk-anybody" not in str(serialised)
    loaded = load_llm(serialised)
    assert isinstance(loaded, ApertisAudioLLM)
    assert (loaded.model, loaded.seed) == ("gpt-4o-audio-preview", 7)
