"""Passages with clips: cut when they are read, kept by stores, billed as passages."""

import asyncio
import base64
import json
import logging
import pickle
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped]
import pytest
from llama_index.core import MockEmbedding, VectorStoreIndex, load_index_from_storage
from llama_index.core.base.llms.types import AudioBlock, ChatMessage, ChatResponse, TextBlock
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.query_engine import CitationQueryEngine
from llama_index.core.schema import BaseNode, Document, Node, NodeWithScore
from llama_index.core.storage import StorageContext
from llama_index.core.vector_stores.utils import metadata_dict_to_node, node_to_metadata_dict

from apertis_audio_tools import FileAccess, UnsupportedError
from apertis_audio_tools.llama_index import (
    ApertisAudioLLM,
    ApertisAudioReader,
    PassageClipPostprocessor,
    PassageNodeParser,
)
from apertis_audio_tools.sandbox.beacons import BeaconRecogniser
from support.beacon_recordings import FORMATS, write_beacons
from support.contract.llama_index_readers import Load
from support.encoded_recordings import decode_samples

Passages = Sequence[BaseNode]
NOTE = "[audio no longer available: monday.mp3]"


@pytest.fixture
def recording(monday: Path, tmp_path: Path) -> Path:
    """Return a copy of Monday's recording: 20 beacons, four passages of ten seconds."""
    return Path(shutil.copy(monday, tmp_path))


@pytest.fixture
def make_reader(beacon_url: str) -> Callable[..., ApertisAudioReader]:
    def make(**options: Any) -> ApertisAudioReader:
        options = {"audio": "clip", "max_seconds": 10, **options}
        return ApertisAudioReader(api_key="sk-payg-1234", base_url=beacon_url, **options)

    return make


Make = Callable[..., ApertisAudioReader]


@pytest.fixture(params=["passage", "recording"])
def passages(request: pytest.FixtureRequest, make_reader: Make, recording: Path) -> Passages:
    """Return passages as documents, and those that PassageNodeParser makes of a recording."""
    documents = make_reader(granularity=request.param).load_data(recording)
    if request.param == "passage":
        return documents
    return PassageNodeParser().get_nodes_from_documents(documents)


def audio_of(node: BaseNode) -> list[bytes]:
    """Return the audio that the blocks of a node hold."""
    blocks = [each for each in node.get_content_blocks() if isinstance(each, AudioBlock)]
    return [block.resolve_audio().read() for block in blocks]


def heard(clips: Sequence[bytes]) -> str:
    """Return the words in clips."""
    pcm = (decode_samples(clip) for clip in clips)
    return " ".join(segment.text for each in pcm for segment in BeaconRecogniser().recognise(each))


def test_clips(passages: Passages) -> None:
    """The audio of a passage is its own clip, and holds the words of the passage, no more."""
    assert len(passages) == 4
    for passage in passages:
        assert heard(audio_of(passage)) == passage.get_content()


def test_nothing_is_cut_before_it_is_read(passages: Passages, recording: Path) -> None:
    """Passages hold no audio; a clip is cut from what is there when the blocks are read."""
    assert all(len(passage.model_dump_json()) < 4_000 for passage in passages)
    recording.unlink()
    assert audio_of(passages[0]) == []


@pytest.mark.parametrize("change", ["gone", "changed", "shorter"])
def test_recordings_that_have_changed(
    passages: Passages, recording: Path, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A note replaces the clip of another recording, and a warning says why."""
    content = recording.read_bytes()
    recording.unlink()
    if change == "changed":
        write_beacons(FORMATS["mp3"], recording, 21)
    elif change == "shorter":
        recording.write_bytes(content[: len(content) // 2])
    with caplog.at_level(logging.WARNING):
        text, note = passages[3].get_content_blocks()
    assert isinstance(text, TextBlock)
    assert isinstance(note, TextBlock)
    assert (text.text, note.text) == (passages[3].get_content(), NOTE)
    assert "The audio of a passage of monday.mp3 is left out" in caplog.text


def test_copies(passages: Passages) -> None:
    """Dictionaries, JSON and pickles keep the clip."""
    passage = passages[1]
    copies = [
        type(passage).from_dict(passage.to_dict()),
        type(passage).from_json(passage.to_json()),
        pickle.loads(pickle.dumps(passage)),
        passage.model_copy(deep=True),
    ]
    expected = audio_of(passage)
    for each in copies:
        assert audio_of(each) == expected
        assert each.hash == passage.hash


def test_vector_stores(passages: Passages) -> None:
    """Stores of other packages keep the reference to the clip."""
    metadata = json.loads(json.dumps(node_to_metadata_dict(passages[1], remove_text=True)))
    stored = metadata_dict_to_node(metadata, text=passages[1].get_content())
    assert isinstance(stored, Node)
    (restored,) = PassageClipPostprocessor().postprocess_nodes([scored(stored)])
    assert audio_of(restored.node) == audio_of(passages[1])


def scored(node: BaseNode) -> NodeWithScore:
    return NodeWithScore(node=node, score=0.5)


def test_postprocessor(passages: Passages, make_reader: Make, recording: Path) -> None:
    """The postprocessor leaves nodes without a clip as they are."""
    plain = make_reader(audio=None).load_data(recording)[0]
    given = [scored(node) for node in (plain, passages[0], Document(text="None."))]
    done = asyncio.run(PassageClipPostprocessor().apostprocess_nodes(given))
    assert [each.node for each in done][::2] == [each.node for each in given][::2]
    assert audio_of(done[1].node) == audio_of(passages[0])
    assert [each.score for each in done] == [0.5] * 3


def billed_seconds(response: ChatResponse) -> float:
    """Return the seconds of audio in a request; the sandbox bills ten tokens for each."""
    assert response.raw is not None
    return float(response.raw["usage"]["input_audio_tokens"] / 10)


@pytest.fixture
def heard_seconds() -> list[float]:
    """Collect the seconds of audio that the service has billed in each chat."""
    return []


@pytest.fixture
def llm(make_llm: Callable[..., ApertisAudioLLM], heard_seconds: list[float]) -> ApertisAudioLLM:
    """Return a model that notes the audio of each request."""

    class Counting(ApertisAudioLLM):
        def _chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> Any:
            response = super()._chat(messages, **kwargs)
            heard_seconds.append(billed_seconds(response))
            return response

        async def _achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> Any:
            response = await super()._achat(messages, **kwargs)
            heard_seconds.append(billed_seconds(response))
            return response

    model = make_llm()
    return Counting(api_key="sk-chat-1234", base_url=model.base_url)


def seconds(node: BaseNode) -> float:
    """Return the length of a passage."""
    return float(node.metadata["end"] - node.metadata["start"])


def stored_index(passages: Passages, folder: Path) -> VectorStoreIndex:
    """Return an index of passages that was stored in a folder and loaded from it."""
    embedding = MockEmbedding(embed_dim=4)
    VectorStoreIndex(nodes=passages, embed_model=embedding).storage_context.persist(str(folder))
    storage = StorageContext.from_defaults(persist_dir=str(folder))
    index = load_index_from_storage(storage, embed_model=embedding)
    assert isinstance(index, VectorStoreIndex)
    return index


def test_multimodal_answers(
    passages: Passages, llm: ApertisAudioLLM, heard_seconds: list[float], tmp_path: Path
) -> None:
    """A query engine over a stored index sends the retrieved passages, not the recording."""
    options: Any = {"llm": llm, "multimodal": True, "similarity_top_k": 2}
    engine = stored_index(passages, tmp_path).as_query_engine(**options)
    asks: list[Callable[[str], Any]]
    asks = [engine.query, lambda question: asyncio.run(engine.aquery(question))]
    for ask in asks:
        heard_seconds.clear()
        nodes = ask("What was said?").source_nodes
        expected = sum(seconds(each.node) for each in nodes)
        assert len(nodes) == 2
        assert sum(heard_seconds) == pytest.approx(expected, abs=0.3)


def test_citations_with_audio(
    passages: Passages, llm: ApertisAudioLLM, heard_seconds: list[float]
) -> None:
    """So does the citation query engine, also with the clips of the postprocessor."""
    index = VectorStoreIndex(nodes=passages, embed_model=MockEmbedding(embed_dim=4))
    for processors in ([], [PassageClipPostprocessor()]):
        heard_seconds.clear()
        engine = CitationQueryEngine.from_args(
            index,
            llm=llm,
            multimodal=True,
            similarity_top_k=1,
            node_postprocessors=[*processors],
        )
        engine.query("What was said?")
        assert sum(heard_seconds) == pytest.approx(9.0, abs=1.5)


def test_answers_about_recordings_that_are_gone(
    passages: Passages, llm: ApertisAudioLLM, heard_seconds: list[float], recording: Path
) -> None:
    """An answer is given from the words if the recording is gone, also in the only turn."""
    index = VectorStoreIndex(nodes=passages, embed_model=MockEmbedding(embed_dim=4))
    recording.unlink()
    assert str(index.as_query_engine(llm=llm, multimodal=True).query("What was said?"))
    assert heard_seconds == [0.0]


def stored_block(passage: BaseNode) -> AudioBlock:
    """Return the block that a store's copy of a passage has: a reference, not a clip."""
    (block,) = (
        each
        for each in Node.from_dict(passage.to_dict()).get_content_blocks()
        if isinstance(each, AudioBlock)
    )
    return block


def test_references_in_messages(
    make_reader: Make,
    make_llm: Callable[..., ApertisAudioLLM],
    recording: Path,
    tmp_path: Path,
) -> None:
    """A model with `file_access` cuts clips of those files only, in each form of a reference."""
    (tmp_path / "other").mkdir()
    block = stored_block(make_reader().load_data(recording)[1])
    inlined = AudioBlock(url=block.inline_url())
    embedded = AudioBlock(audio=base64.b64encode(block.resolve_audio().read()))
    for folder, seconds in ((recording.parent, 8.6), (tmp_path / "other", 0.0)):
        llm = make_llm(file_access=FileAccess(folder))
        for each in (block, inlined, embedded):
            message = ChatMessage(role="user", blocks=[TextBlock(text="Go."), each])
            assert billed_seconds(llm.chat([message])) == pytest.approx(seconds, abs=0.2)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"\xff",
        b'{"path": "a.wav", "digest": "0", "start": NaN}',
        b'{"path": "a.wav", "digest": "0", "start": -1}',
        b'{"path": "a.wav", "digest": "0", "end": 1e300}',
    ],
)
def test_broken_references(make_llm: Callable[..., ApertisAudioLLM], content: bytes) -> None:
    """Content that only begins like a reference is refused."""
    block = AudioBlock(audio=base64.b64encode(b"apertis-clip:1\n" + content))
    with pytest.raises(UnsupportedError, match="reference to a clip cannot be read"):
        make_llm().chat([ChatMessage(role="user", blocks=[block])])


def test_references_to_other_files(
    make_llm: Callable[..., ApertisAudioLLM], recording: Path
) -> None:
    """Without the digest of a file, nothing of it is heard, not even that it exists."""
    for path in (recording, recording.with_name("gone.mp3")):
        reference = {"path": str(path), "digest": "0" * 64, "end": 10.0}
        content = b"apertis-clip:1\n" + json.dumps(reference).encode()
        block = AudioBlock(audio=base64.b64encode(content))
        question = TextBlock(text="Repeat what I say.")
        message = ChatMessage(role="user", blocks=[question, block])
        assert billed_seconds(make_llm().chat([message])) == 0


def test_other_splitters(make_reader: Make, recording: Path) -> None:
    """Nodes of other splitters have text only, and nothing of the reference."""
    documents = make_reader(granularity="recording").load_data(recording)
    for node in SentenceSplitter(chunk_size=64, chunk_overlap=0).get_nodes_from_documents(
        documents
    ):
        assert audio_of(node) == []


def test_recordings_have_no_audio(make_reader: Make, recording: Path) -> None:
    """The document of a whole recording has no audio itself, so that no engine sends a meeting."""
    (document,) = make_reader(granularity="recording").load_data(recording)
    assert document.audio_resource is None
    assert audio_of(document) == []
    for keys in (document.excluded_embed_metadata_keys, document.excluded_llm_metadata_keys):
        assert "clip" in keys


def test_sources_that_are_no_local_file(make_reader: Make, load: Load, recording: Path) -> None:
    """Clips are cut from local files: anything else is refused before it is sent."""
    memory = fsspec.filesystem("memory")
    memory.pipe("/clips/monday.mp3", recording.read_bytes())
    content = recording.read_bytes()
    for source, options in (
        ("/clips/monday.mp3", {"fs": memory}),
        (content, {}),
        (("monday.mp3", content), {}),
    ):
        with pytest.raises(UnsupportedError, match="not a local file, which clips are cut from"):
            load(make_reader(), source, **options)


def test_hash(make_reader: Make, recording: Path, tmp_path: Path) -> None:
    """A changed recording changes the hash of its passages, even if the words are the same."""
    before = make_reader(root=tmp_path).load_data(recording)
    again = make_reader(root=tmp_path).load_data(recording)
    assert [each.hash for each in again] == [each.hash for each in before]
    with recording.open("ab") as file:
        file.write(bytes(100))
    changed = make_reader(root=tmp_path).load_data(recording)
    assert [each.text for each in changed] == [each.text for each in before]
    assert not {each.hash for each in changed} & {each.hash for each in before}
    assert [each.id_ for each in changed] == [each.id_ for each in before]
