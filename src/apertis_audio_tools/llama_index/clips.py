"""Documents and nodes that cut the clips of their passages, and how retrieved ones become those."""

import base64
from collections.abc import Sequence
from typing import Any, Self

from llama_index.core.base.llms.types import AudioBlock, BaseContentBlock, TextBlock
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import (
    BaseNode,
    Document,
    MediaResource,
    MetadataMode,
    Node,
    NodeWithScore,
    QueryBundle,
)

from apertis_audio_tools.llama_index.clip_references import ClipReference, find_clip


class _ClipHolder(Node):
    """A document or node whose audio is its own passage, cut when its blocks are read."""

    @classmethod
    def class_name(cls) -> str:
        """Return the name of the base class, as which stores rebuild it; `Document` loses audio."""
        return Node.class_name()

    @classmethod
    def holding(cls, node: BaseNode, clip: ClipReference) -> Self:
        """Return a copy of a document or node with the clip of its passage."""
        text = MediaResource(text=node.get_content(MetadataMode.NONE))
        data = {**node.to_dict(), "text_resource": text, "audio_resource": clip.to_resource()}
        return cls.from_dict(data)

    def to_dict(self, **kwargs: Any) -> dict[str, Any]:
        """Return the fields as JSON: core puts the URL into stores as an object that has none."""
        data: dict[str, Any] = super().to_dict(**{"mode": "json", **kwargs})
        return data

    def get_content_blocks(
        self, metadata_mode: MetadataMode = MetadataMode.NONE
    ) -> list[BaseContentBlock]:
        """Return the text and the clip, as mp3 in base64, or a note in place of the clip."""
        return [_cut_block(block) for block in super().get_content_blocks(metadata_mode)]


class ClipDocument(_ClipHolder, Document):
    """A document with the clip of its passage."""


class ClipNode(_ClipHolder):
    """A node with the clip of its passage."""


def with_clip(node: BaseNode, clip: ClipReference | None = None) -> BaseNode:
    """Return a node that cuts a clip, by default its own; the same node if there is none."""
    clip = clip or find_clip(node)
    return ClipNode.holding(node, clip) if clip else node


def _cut_block(block: BaseContentBlock) -> BaseContentBlock:
    reference = ClipReference.from_block(block) if isinstance(block, AudioBlock) else None
    if reference is None:
        return block
    clip = reference.cut()
    if clip is None:
        return TextBlock(text=reference.note)
    return AudioBlock(audio=base64.b64encode(clip), format="mp3")


class PassageClipPostprocessor(BaseNodePostprocessor):
    """Node postprocessor that makes retrieved passages bring their clips, for any language model.

    `ApertisAudioLLM` does without it. Stores rebuild nodes as classes of LlamaIndex, whose blocks
    hold the reference of a clip in place of the clip; here they become nodes that cut it.

    Examples:
        >>> from llama_index.core import MockEmbedding, VectorStoreIndex
        >>> from llama_index.core.llms import MockLLM
        >>> from apertis_audio_tools.llama_index import (
        ...     ApertisAudioReader, PassageClipPostprocessor
        ... )
        >>> documents = ApertisAudioReader(audio="clip").load_data("recordings")
        >>> index = VectorStoreIndex(nodes=documents, embed_model=MockEmbedding(embed_dim=8))
        >>> retriever, clips = index.as_retriever(), PassageClipPostprocessor()
        >>> nodes = clips.postprocess_nodes(retriever.retrieve("What was decided?"))
        >>> blocks = nodes[0].node.get_content_blocks()
    """

    @classmethod
    def class_name(cls) -> str:
        """Return the name that identifies the class in serialised settings."""
        return "PassageClipPostprocessor"

    def _postprocess_nodes(
        self,
        nodes: Sequence[NodeWithScore],
        query_bundle: QueryBundle | None = None,  # noqa: ARG002  # as its base has it
    ) -> list[NodeWithScore]:
        return [each.model_copy(update={"node": with_clip(each.node)}) for each in nodes]
