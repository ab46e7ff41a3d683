"""Answer a question about a folder of recordings, with the recording and timecode as citations.

    python examples/langchain_rag.py examples/data/standup.ogg "What about passwords?" --sandbox
    python examples/langchain_rag.py meetings/ "Why is the login broken?"
    python examples/langchain_rag.py meetings/ "Why is the login broken?" --model openai:gpt-5-mini

This needs ``apertis-audio-tools[langchain]`` and bm25s; ``--sandbox`` needs the extra ``sandbox``,
and ``--model`` needs langchain and the package of the provider (neither for
``--model apertis:gpt-4o-audio-preview``). With ``--cache``, recordings are transcribed only once.
"""

import argparse
import contextlib
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import bm25s
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.retrievers import BaseRetriever

from apertis_audio_tools import ApertisAudio, ApertisError
from apertis_audio_tools.langchain import ApertisAudioLoader, ChatApertisAudio

PASSAGES = 4
LETTERS = 6  # so that "meeting" finds "meetings"
PROMPT = """Answer the question from these passages of recordings, and from nothing else. After each
statement cite the passage it is from, as it is marked, such as [standup.ogg 00:12:31]. If they do
not answer it, say so.

{passages}

Question: {question}"""


class Passages(BaseRetriever):
    """Finds passages by BM25, which needs neither a model nor a network.

    To find passages by meaning, use any vector store and embedding of LangChain instead.
    """

    documents: list[Document]

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002
    ) -> list[Document]:
        """Return the passages that share words with a question, the best ones first."""
        if not self.documents:
            return []
        scores = bm25s.BM25()
        texts = [each.page_content for each in self.documents]
        scores.index(_words(texts), show_progress=False)
        found = scores.retrieve(
            _words([query]),
            corpus=self.documents,
            k=min(PASSAGES, len(texts)),
            show_progress=False,
        )
        ranked = zip(found.documents[0], found.scores[0], strict=True)
        return [document for document, score in ranked if score > 0]


def _words(texts: list[str]) -> list[list[str]]:
    return [[word[:LETTERS] for word in re.findall(r"\w+", text.lower())] for text in texts]


def cited(passage: Document) -> str:
    """Return the citation of a passage: the path of the recording, and the passage's start."""
    return f"[{passage.metadata['source']} {passage.metadata['timecode']}]"


def format_passages(passages: Sequence[Document]) -> str:
    """Return the passages with their citations."""
    return "\n".join(f"{cited(each)} {each.page_content}" for each in passages)


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
    sources = "\n".join(f"  {each.metadata['source']} at {cited(each)}" for each in passages)
    return f"{model.invoke(prompt).text}\n\nFound in:\n{sources}"


def ask(options: argparse.Namespace, audio: ApertisAudio) -> str:
    """Find passages of the recordings and return an answer."""
    recordings = Path(options.recordings)
    root = recordings if recordings.is_dir() else recordings.parent
    loader = ApertisAudioLoader(recordings, root=root, client=audio)
    passages = Passages(documents=loader.load()).invoke(options.question)
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
