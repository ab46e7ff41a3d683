"""Ask a folder of recordings: answers cite the recording and the moment in it.

    python examples/langchain_rag.py examples/data/standup.ogg "What about passwords?" --sandbox
    python examples/langchain_rag.py meetings/ "Why is the login broken?"
    python examples/langchain_rag.py meetings/ "Why is the login broken?" --model openai:gpt-5-mini

Needs ``apertis-audio-tools[langchain]`` and numpy; ``--sandbox`` needs the extra ``sandbox``, and
``--model`` langchain and the package of the provider (neither for
``--model apertis:gpt-4o-audio-preview``). With ``--cache``, recordings are transcribed once,
however often you ask.
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
    """Counts words: needs no model and no network, and finds what is said in the same words.

    A question's rare words count more than its frequent ones. For what is meant rather than said,
    put any other embedding of LangChain in its place.
    """

    SIZE = 2048
    LETTERS = 6  # so that "meeting" finds "meetings"

    def __init__(self) -> None:
        self._texts = 0
        self._texts_with: Counter[int] = Counter()

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Each text by the words it has."""
        counted = [self._places(text) for text in texts]
        self._texts += len(texts)
        for places in counted:
            self._texts_with.update(places.keys())
        return [self._vector({at: 1 + math.log(n) for at, n in c.items()}) for c in counted]

    def embed_query(self, text: str) -> list[float]:
        """A question by its words and how rare they are."""
        places = self._places(text)
        return self._vector({at: math.log(1 + self._rarity(at)) for at in places})

    def _rarity(self, place: int) -> float:
        return self._texts / (1 + self._texts_with[place])

    def _places(self, text: str) -> Counter[int]:
        stems = (word[: self.LETTERS] for word in re.findall(r"\w+", text.lower()))
        return Counter(zlib.crc32(stem.encode()) % self.SIZE for stem in stems)

    def _vector(self, weights: dict[int, float]) -> list[float]:
        vector = [0.0] * self.SIZE
        for place, weight in weights.items():
            vector[place] = weight
        return vector


def cited(passage: Document) -> str:
    """How answers refer to a passage: the recording, and when it begins to be said."""
    name = passage.metadata["source"].replace("\\", "/").rpartition("/")[2]
    return f"[{name} {passage.metadata['timecode']}]"


def shown(passages: Sequence[Document]) -> str:
    """Passages with what they are cited by."""
    return "\n".join(f"{cited(each)} {each.page_content}" for each in passages)


def chat_model(name: str, audio: ApertisAudio) -> BaseChatModel:
    """A chat model of any provider that LangChain knows, or of Apertis."""
    provider, _, model = name.partition(":")
    if provider == "apertis":
        return ChatApertisAudio(model=model, client=audio)
    from langchain.chat_models import init_chat_model

    chosen: BaseChatModel = init_chat_model(name)
    return chosen


def answer(question: str, passages: Sequence[Document], model: BaseChatModel | None) -> str:
    """What the passages say to the question, in the words of a model or in their own."""
    if not passages:
        return "Nothing that was said has to do with that."
    if model is None:
        return shown(passages)
    asked = PROMPT.format(passages=shown(passages), question=question)
    sources = "\n".join(f"  {each.metadata['source']} at {cited(each)}" for each in passages)
    return f"{model.invoke(asked).text}\n\nFound in:\n{sources}"


def ask(options: argparse.Namespace, audio: ApertisAudio) -> str:
    """Index the recordings, find passages, answer."""
    store = InMemoryVectorStore(WordVectors())
    store.add_documents(list(ApertisAudioLoader(options.recordings, client=audio).lazy_load()))
    found = store.similarity_search_with_score(options.question, k=PASSAGES)
    passages = [passage for passage, likeness in found if likeness > 0]
    model = chat_model(options.model, audio) if options.model else None
    return answer(options.question, passages, model)


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("recordings", help="a file or a folder")
    parser.add_argument("question")
    parser.add_argument("--model", help="provider:name; without it, the best passages are shown")
    parser.add_argument("--cache", metavar="FOLDER", help="keep transcripts there")
    parser.add_argument("--sandbox", action="store_true", help="a local stand-in, without a key")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer one question."""
    options = parsed(arguments)
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
