"""Making the classes known to LlamaIndex, which looks for them in dictionaries of its own."""

from llama_index.core.llms.loading import RECOGNIZED_LLMS
from llama_index.core.readers.loading import ALL_READERS

from apertis_audio_tools.llama_index.llm import ApertisAudioLLM
from apertis_audio_tools.llama_index.reader import ApertisAudioReader


def register() -> None:
    """Let LlamaIndex load the reader and the language model from what was saved of them.

    Afterwards ``load_reader`` and ``load_llm`` know them by their ``class_name``. Nothing happens
    by itself: what is saved has no key in it, so that the environment has to have one.

    Example:
        >>> from apertis_audio_tools.llama_index import register
        >>> register()
    """
    ALL_READERS[ApertisAudioReader.class_name()] = ApertisAudioReader
    RECOGNIZED_LLMS[ApertisAudioLLM.class_name()] = ApertisAudioLLM
