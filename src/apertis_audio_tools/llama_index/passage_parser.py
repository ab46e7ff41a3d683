"""Node parser that divides the document of a recording into passages with their own times."""

import json
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from llama_index.core.node_parser.interface import IdFuncCallable, NodeParser
from llama_index.core.schema import (
    BaseNode,
    Document,
    MetadataMode,
    NodeRelationship,
    ObjectType,
    RelatedNodeInfo,
    TextNode,
)
from pydantic import Field, TypeAdapter, ValidationError

from apertis_audio_tools.errors import UnsupportedError
from apertis_audio_tools.llama_index.clip_references import CLIP_KEY, ClipReference, find_clip
from apertis_audio_tools.results import Passage
from apertis_audio_tools.text.passages import join_texts
from apertis_audio_tools.text.subtitles import format_timecode

PASSAGES_KEY = "passages"
"""Metadata key of the passage times in the document of a recording, as JSON."""

_RECORDING_KEYS = (PASSAGES_KEY, CLIP_KEY)
"""Metadata of the document of a recording that its passages do not have."""

_NAMESPACE = uuid.UUID("0d3c5c0e-7f0e-5f5a-8d55-5d2a4f3a9c11")


class PassageSpan(NamedTuple):
    """Position of a passage: seconds of the recording, and characters of the document's text.

    Its speaker is there only if it is known.
    """

    start: float
    end: float
    first_character: int
    last_character: int
    speaker: str | None = None


_SPANS = TypeAdapter(list[PassageSpan])


def locate_passages(text: str, passages: Sequence[Passage]) -> tuple[str, str]:
    """Return the text of a recording and, as JSON, where its passages are in it.

    The passages are joined to another text if they are not in this one.
    """
    spans = list(_find(text, passages))
    if len(spans) < len(passages):
        text = join_texts(passage.text for passage in passages)
        spans = list(_find(text, passages))
    stored = [span if span.speaker else span[:-1] for span in spans]
    return text, json.dumps(stored, separators=(",", ":"))


def _find(text: str, passages: Sequence[Passage]) -> Iterator[PassageSpan]:
    """Yield the passages that follow one another in the text; they may overlap."""
    position = 0
    for passage in passages:
        found = text.find(passage.text, position)
        if found < 0:
            return
        yield PassageSpan(
            round(passage.start, 3),
            round(passage.end, 3),
            found,
            found + len(passage.text),
            passage.speaker,
        )
        position = found + 1


def passage_id(number: int, document: BaseNode) -> str:
    """Return the id of a node: a UUID that is the same each time a document is parsed."""
    return str(uuid.uuid5(_NAMESPACE, f"{document.node_id} {number}"))


class PassageNodeParser(NodeParser):
    """Node parser that divides the document of a recording into its passages.

    For documents that `ApertisAudioReader` made with ``granularity="recording"``. Each passage
    becomes a node with its own ``start``, ``end`` and ``timecode``, with the document as its source
    and its neighbours as previous and next. Any other document becomes one node. The size of
    passages is a setting of the reader.

    Examples:
        >>> from apertis_audio_tools.llama_index import ApertisAudioReader, PassageNodeParser
        >>> documents = ApertisAudioReader(granularity="recording").load_data("recordings")
        >>> nodes = PassageNodeParser().get_nodes_from_documents(documents)

    Raises:
        UnsupportedError: If the text of a document was changed after it was read, so that it is
            unknown when each part of it was said.
    """

    id_func: IdFuncCallable = Field(default=passage_id, exclude=True)

    @classmethod
    def class_name(cls) -> str:
        """Return the name that identifies the class in serialised settings."""
        return "PassageNodeParser"

    def _parse_nodes(
        self,
        nodes: Sequence[BaseNode],
        show_progress: bool = False,  # noqa: ARG002, FBT001, FBT002  # as its base has it
        **kwargs: Any,  # noqa: ARG002
    ) -> list[BaseNode]:
        return [passage for node in nodes for passage in self._passages(node)]

    def _passages(self, document: BaseNode) -> Iterator[BaseNode]:
        from apertis_audio_tools.llama_index.clips import with_clip

        text = document.get_content(MetadataMode.NONE)
        inherited = {**document.metadata} if self.include_metadata else {}
        spans = _read_spans(document, text)
        if spans is None:
            yield with_clip(self._node(document, 0, text, inherited), find_clip(document))
            return
        reference = document.metadata.get(CLIP_KEY)
        clip = ClipReference.from_json(reference) if reference else None
        for key in _RECORDING_KEYS:
            inherited.pop(key, None)
        for number, span in enumerate(spans):
            passage = text[span.first_character : span.last_character]
            node = self._node(document, number, passage, _add_times(inherited, span))
            node.start_char_idx, node.end_char_idx = span.first_character, span.last_character
            yield with_clip(node, clip and clip.between(span.start, span.end))

    def _node(
        self, document: BaseNode, number: int, text: str, metadata: dict[str, Any]
    ) -> TextNode:
        source = RelatedNodeInfo(
            node_id=document.node_id, node_type=ObjectType.DOCUMENT, hash=document.hash
        )
        hidden = document.excluded_embed_metadata_keys, document.excluded_llm_metadata_keys
        gone = {*_RECORDING_KEYS} - metadata.keys()
        embed, llm = ([key for key in keys if key not in gone] for keys in hidden)
        return TextNode(
            id_=self.id_func(number, document),
            text=text,
            metadata=metadata,
            excluded_embed_metadata_keys=embed,
            excluded_llm_metadata_keys=llm,
            relationships={NodeRelationship.SOURCE: source},
        )

    def _postprocess_parsed_nodes(
        self, nodes: list[BaseNode], parent_doc_map: dict[str, Document]
    ) -> list[BaseNode]:
        """Keep metadata and positions as they are: the base searches for texts that may repeat."""
        own = [node.model_copy() for node in nodes]
        processed = super()._postprocess_parsed_nodes(nodes, parent_doc_map)
        for node, before in zip(processed, own, strict=True):
            node.metadata = before.metadata
            if isinstance(node, TextNode) and isinstance(before, TextNode):
                node.start_char_idx, node.end_char_idx = before.start_char_idx, before.end_char_idx
        return processed


def _read_spans(document: BaseNode, text: str) -> list[PassageSpan] | None:
    value = document.metadata.get(PASSAGES_KEY)
    if value is None:
        return None
    try:
        spans = _SPANS.validate_json(value)
    except ValidationError:
        spans = []
    if not spans or spans[-1].last_character != len(text):
        raise UnsupportedError(
            f"The text of document {document.node_id} is not the one its passages were found in; "
            f"put PassageNodeParser before transformations that change texts."
        )
    return spans


def _add_times(metadata: dict[str, Any], span: PassageSpan) -> dict[str, Any]:
    """Return metadata with the times of a passage, in the order in which the reader writes them."""
    times = {"start": span.start, "end": span.end, "timecode": format_timecode(span.start)}
    speaker = {"speaker": span.speaker} if span.speaker else {}
    source = {key: metadata[key] for key in ("source",) if key in metadata}
    return {**source, **times, **speaker, **metadata}
