"""Registration of the classes in the dictionaries from which LlamaIndex loads serialised ones."""

from llama_index.core.llms.loading import RECOGNIZED_LLMS
from llama_index.core.readers.loading import ALL_READERS

from apertis_audio_tools.llama_index.llm import ApertisAudioLLM
from apertis_audio_tools.llama_index.reader import ApertisAudioReader


def register() -> None:
    """Enable LlamaIndex to load the reader and the language model from their serialised form.

    Afterwards ``load_reader`` and ``load_llm`` accept their ``class_name``. Importing the package
    registers nothing. API keys are not serialised: `APERTIS_API_KEY` has to be set for loading.

    Examples:
        >>> from apertis_audio_tools.llama_index import register
        >>> register()
    """
    ALL_READERS[ApertisAudioReader.class_name()] = ApertisAudioReader
    RECOGNIZED_LLMS[ApertisAudioLLM.class_name()] = ApertisAudioLLM
