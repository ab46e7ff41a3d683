"""Answers that say in which recording it was said, and when."""

from pathlib import Path

import pytest
from llama_index.core import MockEmbedding, VectorStoreIndex
from llama_index.core.llms.mock import MockLLM
from llama_index.core.query_engine import CitationQueryEngine
from llama_index.core.vector_stores import FilterOperator, MetadataFilter, MetadataFilters
from llama_index.retrievers.bm25 import BM25Retriever  # type: ignore[import-untyped]

from apertis_audio_tools.llama_index import ApertisAudioReader


@pytest.fixture
def index(reader: ApertisAudioReader, meetings: Path) -> VectorStoreIndex:
    return VectorStoreIndex.from_documents(
        reader.load_data(meetings), embed_model=MockEmbedding(embed_dim=3)
    )


@pytest.mark.parametrize("colour", ["sync", "async"])
async def test_citing(index: VectorStoreIndex, colour: str) -> None:
    """The sources of an answer know recording and time, and the model saw both."""
    retriever = BM25Retriever.from_defaults(index=index, similarity_top_k=1)
    engine = CitationQueryEngine(retriever, llm=MockLLM())
    question = "Who said 00016?"
    answer = engine.query(question) if colour == "sync" else await engine.aquery(question)
    (source,) = answer.source_nodes
    assert Path(source.metadata["source"]).name == "monday.mp3"
    assert source.metadata["timecode"] == "00:00:30"
    seen = str(answer)
    assert "timecode: 00:00:30" in seen
    assert "monday.mp3" in seen


def test_searching_a_stretch_of_time(index: VectorStoreIndex) -> None:
    """Times are numbers that vector stores can compare."""
    late = MetadataFilters(
        filters=[MetadataFilter(key="start", value=30, operator=FilterOperator.GTE)]
    )
    found = index.as_retriever(filters=late, similarity_top_k=10).retrieve("Anything?")
    assert [node.metadata["timecode"] for node in found] == ["00:00:30"]
