"""Answer a question about a folder of recordings, with the recording and timecode as citations.

    python examples/langchain_rag.py examples/data/standup.ogg "What about passwords?" --sandbox
    python examples/langchain_rag.py meetings/ "Why is the login broken?"
    python examples/langchain_rag.py meetings/ "Why is the login broken?" --model openai:gpt-5-mini

This needs ``apertis-audio-tools[langchain]`` and numpy; ``--sandbox`` needs the extra ``sandbox``,
and ``--model`` needs langchain and the package of the provider (neither for
``--model apertis:gpt-4o-audio-preview``). With ``--cache``, recordings are transcribed only once.
"""

import argparse
import contextlib
import math
import re
import sys
import zlib
from collections import Counter
from collections.abc import Sequence

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_core.vectorstores import InMemoryVectorStore

from apertis_audio_tools import ApertisAudio, ApertisError
from apertis_audio_tools.langchain import ApertisAudioLoader, ChatApertisAudio

PASSAGES = 4
PROMPT = """Answer the question from these passages of recordings, and from nothing else. After each
statement cite the passage it is from, as it is marked, such as [standup.ogg 00:12:31]. If they do
not answer it, say so.

{passages}

Question: {question}"""


class WordVectors(Embeddings):
    """An embedding that counts words, and so needs neither a model nor a network.

    Rare words of a question count more than frequent ones. To find passages by meaning, use any
    other embedding of LangChain instead.
    """

    SIZE = 2048
    LETTERS = 6  # so that "meeting" finds "meetings"

    def __init__(self) -> None:
        self._texts = 0
        self._texts_with: Counter[int] = Counter()

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return a vector of word counts for each text."""
        counted = [self._count_words(text) for text in texts]
        self._texts += len(texts)
        for counts in counted:
            self._texts_with.update(counts.keys())
        return [self._vector({at: 1 + math.log(n) for at, n in c.items()}) for c in counted]

    def embed_query(self, text: str) -> list[float]:
        """Return a vector of a question's words, weighted by their rarity."""
        counts = self._count_words(text)
        return self._vector({at: math.log(1 + self._rarity(at)) for at in counts})

    def _rarity(self, index: int) -> float:
        return self._texts / (1 + self._texts_with[index])

    def _count_words(self, text: str) -> Counter[int]:
        stems = (word[: self.LETTERS] for word in re.findall(r"\w+", text.lower()))
        return Counter(zlib.crc32(stem.encode()) % self.SIZE for stem in stems)

    def _vector(self, weights: dict[int, float]) -> list[float]:
        vector = [0.0] * self.SIZE
        for index, weight in weights.items():
            vector[index] = weight
        return vector


def cite(passage: Document) -> str:
    """Return the citation of a passage: the recording and the start of the passage."""
    name = passage.metadata["source"].replace("\\", "/").rpartition("/")[2]
    return f"[{name} {passage.metadata['timecode']}]"


def format_passages(passages: Sequence[Document]) -> str:
    """Return the passages with their citations."""
    return "\n".join(f"{cite(each)} {each.page_content}" for each in passages)


def chat_model(name: str, audio: ApertisAudio) -> BaseChatModel:
    """Return a chat model of Apertis or of any provider that LangChain supports."""
    provider, _, model = name.partition(":")
    if provider == "apertis":
        return ChatApertisAudio(model=model, client=audio)
    from langchain.chat_models import init_chat_model

    chosen: BaseChatModel = init_chat_model(name)
    return chosen


def answer(question: str, passages: Sequence[Document], model: BaseChatModel | None) -> str:
    """Return a model's answer from the passages, or the passages without a model."""
    if not passages:
        return "No passage matches the question."
    if model is None:
        return format_passages(passages)
    prompt = PROMPT.format(passages=format_passages(passages), question=question)
    sources = "\n".join(f"  {each.metadata['source']} at {cite(each)}" for each in passages)
    return f"{model.invoke(prompt).text}\n\nFound in:\n{sources}"


def ask(options: argparse.Namespace, audio: ApertisAudio) -> str:
    """Index the recordings, find passages and return an answer."""
    store = InMemoryVectorStore(WordVectors())
    store.add_documents(list(ApertisAudioLoader(options.recordings, client=audio).lazy_load()))
    scored = store.similarity_search_with_score(options.question, k=PASSAGES)
    passages = [passage for passage, score in scored if score > 0]
    model = chat_model(options.model, audio) if options.model else None
    return answer(options.question, passages, model)


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("recordings", help="a file or a folder")
    parser.add_argument("question")
    parser.add_argument("--model", help="provider:name (default: print the best passages)")
    parser.add_argument("--cache", metavar="FOLDER", help="folder for cached transcripts")
    parser.add_argument(
        "--sandbox", action="store_true", help="use a local stand-in, without a key"
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer one question."""
    options = parse_arguments(arguments)
    with contextlib.ExitStack() as stack:
        try:
            key, url = None, None
            if options.sandbox:
                from apertis_audio_tools.sandbox import Sandbox

                key, url = "sk-sandbox", stack.enter_context(Sandbox())
            audio = stack.enter_context(ApertisAudio(key, base_url=url, cache=options.cache))
            print(ask(options, audio))
        except (ApertisError, ImportError) as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
