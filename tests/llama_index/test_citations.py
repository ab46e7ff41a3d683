"""Answers cite the recording and the time of their sources."""

from pathlib import Path

import pytest
from llama_index.core import MockEmbedding, VectorStoreIndex
from llama_index.core.llms.mock import MockLLM
from llama_index.core.query_engine import CitationQueryEngine
from llama_index.core.vector_stores import FilterOperator, MetadataFilter, MetadataFilters

from apertis_audio_tools.llama_index import ApertisAudioReader

bm25 = pytest.importorskip("llama_index.retrievers.bm25")


@pytest.fixture
def index(reader: ApertisAudioReader, meetings: Path) -> VectorStoreIndex:
    return VectorStoreIndex.from_documents(
        reader.load_data(meetings), embed_model=MockEmbedding(embed_dim=3)
    )


@pytest.mark.parametrize("mode", ["sync", "async"])
async def test_citing(index: VectorStoreIndex, mode: str) -> None:
    """The sources of an answer have recording and time, and the model gets both."""
    retriever = bm25.BM25Retriever.from_defaults(index=index, similarity_top_k=1)
    engine = CitationQueryEngine(retriever, llm=MockLLM())
    question = "Who said 00016?"
    answer = engine.query(question) if mode == "sync" else await engine.aquery(question)
    (source,) = answer.source_nodes
    assert Path(source.metadata["source"]).name == "monday.mp3"
    assert source.metadata["timecode"] == "00:00:30"
    prompt = str(answer)  # MockLLM repeats it
    assert "timecode: 00:00:30" in prompt
    assert "monday.mp3" in prompt


def test_time_filter(index: VectorStoreIndex) -> None:
    """Vector stores can filter by times, which are numbers."""
    from_30_seconds = MetadataFilters(
        filters=[MetadataFilter(key="start", value=30, operator=FilterOperator.GTE)]
    )
    nodes = index.as_retriever(filters=from_30_seconds, similarity_top_k=10).retrieve("Anything?")
    assert [node.metadata["timecode"] for node in nodes] == ["00:00:30"]
