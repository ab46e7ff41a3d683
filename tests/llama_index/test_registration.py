"""Registration in the dictionaries of classes that LlamaIndex loads by name."""

from collections.abc import Iterator
from unittest.mock import patch

import pytest
from llama_index.core.llms.loading import RECOGNIZED_LLMS, load_llm
from llama_index.core.readers.loading import ALL_READERS, load_reader

from apertis_audio_tools.llama_index import ApertisAudioLLM, ApertisAudioReader, register


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("APERTIS_API_KEY", "sk-anybody")
    with patch.dict(ALL_READERS), patch.dict(RECOGNIZED_LLMS):
        yield


def test_reader() -> None:
    """A registered reader is loaded from its serialised form, with its settings."""
    register()
    serialised = ApertisAudioReader(language="de", granularity="segment").to_dict()
    loaded = load_reader(serialised)
    assert isinstance(loaded, ApertisAudioReader)
    assert (loaded.language, loaded.granularity) == ("de", "segment")


def test_llm() -> None:
    """A registered language model is loaded from its serialised form, which has no key."""
    register()
    serialised = ApertisAudioLLM().to_dict()
    assert "sk-anybody" not in str(serialised)
    assert isinstance(load_llm(serialised), ApertisAudioLLM)


def test_twice() -> None:
    """Registering twice has the same effect as registering once."""
    register()
    registered = dict(ALL_READERS), dict(RECOGNIZED_LLMS)
    register()
    assert registered == (ALL_READERS, RECOGNIZED_LLMS)
