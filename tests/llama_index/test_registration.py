"""The registration that LlamaIndex offers: dictionaries of classes it can load by name."""

from collections.abc import Iterator
from unittest.mock import patch

import pytest
from llama_index.core.llms.loading import RECOGNIZED_LLMS, load_llm
from llama_index.core.readers.loading import ALL_READERS, load_reader

from apertis_audio_tools.llama_index import ApertisAudioLLM, ApertisAudioReader, register


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("APERTIS_API_KEY", "sk-any")
    with patch.dict(ALL_READERS), patch.dict(RECOGNIZED_LLMS):
        yield


def test_reader() -> None:
    """A registered reader is loaded from what was saved of it, settings and all."""
    register()
    saved = ApertisAudioReader(language="de", granularity="segment").to_dict()
    loaded = load_reader(saved)
    assert isinstance(loaded, ApertisAudioReader)
    assert (loaded.language, loaded.granularity) == ("de", "segment")


def test_llm() -> None:
    """A registered language model likewise; its key is not saved."""
    register()
    saved = ApertisAudioLLM().to_dict()
    assert "sk-any" not in str(saved)
    assert isinstance(load_llm(saved), ApertisAudioLLM)


def test_twice() -> None:
    """Registering twice is registering once."""
    register()
    known = dict(ALL_READERS), dict(RECOGNIZED_LLMS)
    register()
    assert known == (ALL_READERS, RECOGNIZED_LLMS)
