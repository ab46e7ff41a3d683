"""Ask a folder of recordings: the numbered sources to cite, each a recording and a moment in it.

    python examples/llama_index_citations.py meetings/ "Why is the login broken?"
    python examples/llama_index_citations.py examples/data/standup.ogg "Passwords?" --sandbox

Needs ``apertis-audio-tools[llama-index]`` and ``llama-index-retrievers-bm25``, which finds words
without a model of its own; ``--sandbox`` needs the extra ``sandbox``. With ``--cache``, recordings
are transcribed once, however often you ask.
"""

import argparse
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path

from llama_index.core.llms.mock import MockLLM
from llama_index.core.query_engine import CitationQueryEngine
from llama_index.core.schema import NodeWithScore
from llama_index.retrievers.bm25 import BM25Retriever  # type: ignore[import-untyped]

from apertis_audio_tools import ApertisAudio, ApertisError
from apertis_audio_tools.llama_index import ApertisAudioReader

PASSAGES = 4


def shown(source: NodeWithScore) -> str:
    """What was said, as the engine numbers it, with the recording and when it begins there."""
    number, _, words = source.node.get_content().partition(":\n")
    name = Path(source.metadata["source"]).name
    return f"{number}, {name} {source.metadata['timecode']}: {words.strip()}"


def ask(options: argparse.Namespace, audio: ApertisAudio) -> str:
    """Read the recordings, find passages, answer."""
    documents = ApertisAudioReader(client=audio).load_data(options.recordings)
    if not documents:
        return "Nothing is said in these recordings."
    retriever = BM25Retriever.from_defaults(
        nodes=documents, similarity_top_k=min(PASSAGES, len(documents))
    )
    # MockLLM stands in for a language model, and its words are not shown. Put any model of
    # LlamaIndex in its place, and str(answer) cites the sources by their numbers.
    answer = CitationQueryEngine(retriever, llm=MockLLM()).query(options.question)
    return "\n".join(map(shown, answer.source_nodes))


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("recordings", help="a file or a folder")
    parser.add_argument("question")
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
