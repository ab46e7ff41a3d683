"""Find the passages that answer a question, as numbered sources with recording and timecode.

    python examples/llama_index_citations.py meetings/ "Why is the login broken?"
    python examples/llama_index_citations.py examples/data/standup.ogg "Passwords?" --sandbox

This needs ``apertis-audio-tools[llama-index]`` and ``llama-index-retrievers-bm25``, which finds
words without a model; ``--sandbox`` needs the extra ``sandbox``. With ``--cache``, recordings are
transcribed only once.
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


def format_source(source: NodeWithScore) -> str:
    """Return a numbered source with its recording and timecode."""
    number, _, words = source.node.get_content().partition(":\n")
    name = Path(source.metadata["source"]).name
    return f"{number}, {name} {source.metadata['timecode']}: {words.strip()}"


def ask(options: argparse.Namespace, audio: ApertisAudio) -> str:
    """Read the recordings, find passages, answer."""
    documents = ApertisAudioReader(client=audio).load_data(options.recordings)
    if not documents:
        return "There is no speech in these recordings."
    retriever = BM25Retriever.from_defaults(
        nodes=documents, similarity_top_k=min(PASSAGES, len(documents))
    )
    # MockLLM stands in for a language model, and its output is not printed. With any model of
    # LlamaIndex instead, str(answer) cites the sources by their numbers.
    answer = CitationQueryEngine(retriever, llm=MockLLM()).query(options.question)
    return "\n".join(map(format_source, answer.source_nodes))


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("recordings", help="a file or a folder")
    parser.add_argument("question")
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
