"""The audio of passages: a reference that indexes keep, and the clip that is cut from it.

Stores of LlamaIndex rebuild documents and nodes as its own classes, with nothing but their fields,
and its prompts pass audio on as base64. So the reference is a ``data:`` URL in place of the audio,
whose content begins with a mark.
"""

import base64
import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Self

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
from pydantic import AnyUrl, Field, TypeAdapter, ValidationError

from apertis_audio_tools.adapters.chat_schema.turns import words_or_note
from apertis_audio_tools.errors import AccessError, RecordingError, UnsupportedError
from apertis_audio_tools.files.access import FileAccess
from apertis_audio_tools.models import TrackChoice

logger: logging.Logger = logging.getLogger("apertis_audio_tools")

CLIP_KEY: str = "clip"
"""Metadata key of the reference in the document of a whole recording, as JSON."""

_MEDIA_TYPE = "audio/mpeg"
_MARK = b"apertis-clip:1\n"  # of 15 bytes, so that its base64 does not depend on what follows
_MARK_BASE64 = base64.b64encode(_MARK).decode()
_MAX_CHARACTERS = 32_768

_Seconds = Annotated[float, Field(ge=0, le=10**8, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class ClipReference:
    """A passage of a recording in a local file, which is checked and cut when it is read.

    Attributes:
        path: Absolute path of the recording.
        digest: SHA-256 of the recording that was transcribed.
        track: Audio track that was transcribed.
        start: Second at which the passage begins.
        end: Second at which it ends.
    """

    path: str
    digest: str
    track: TrackChoice = "default"
    start: _Seconds = 0.0
    end: _Seconds = 0.0

    @classmethod
    def from_json(cls, value: str | bytes) -> Self:
        """Return the reference that `to_json` has written.

        Raises:
            UnsupportedError: If it is something else.
        """
        try:
            reference: Self = TypeAdapter(cls).validate_json(value)
        except ValidationError:
            raise UnsupportedError("The reference to a clip cannot be read.") from None
        return reference

    @classmethod
    def from_base64(cls, text: str) -> Self | None:
        """Return the reference in base64 or in a ``data:`` URL, or None if it holds none.

        Raises:
            UnsupportedError: If it is a reference and cannot be read.
        """
        data = text.rpartition(",")[2] if len(text) <= _MAX_CHARACTERS else ""
        if not data.startswith(_MARK_BASE64):
            return None
        try:
            content = base64.b64decode(data)
        except ValueError:
            raise UnsupportedError("The reference to a clip cannot be read.") from None
        return cls.from_json(content.removeprefix(_MARK))

    @classmethod
    def from_block(cls, block: AudioBlock) -> Self | None:
        """Return the reference in place of audio, or None if a block has no reference."""
        if isinstance(block.audio, bytes):
            return cls.from_base64(block.audio[: _MAX_CHARACTERS + 1].decode("ascii", "replace"))
        return cls.from_base64(str(block.url or ""))

    @property
    def name(self) -> str:
        """Name of the recording, without its folder."""
        return Path(self.path).name

    def to_json(self) -> str:
        """Return the reference as JSON."""
        return TypeAdapter(dict[str, Any]).dump_json(asdict(self)).decode()

    def between(self, start: float, end: float) -> Self:
        """Return the reference of another passage of the same recording."""
        return replace(self, start=start, end=end)

    def to_resource(self) -> MediaResource:
        """Return the audio resource of a document or node."""
        content = base64.b64encode(_MARK + self.to_json().encode()).decode()
        return MediaResource(url=AnyUrl(f"data:{_MEDIA_TYPE};base64,{content}"))

    def cut(self, access: FileAccess | None = None) -> bytes | None:
        """Return the clip as mp3, or None if the recording is gone or has changed.

        Args:
            access: Files that may be read. Defaults to any file.

        Raises:
            UnsupportedError: If the passage is too long for a chat message.
        """
        try:
            with ExitStack() as files:
                return self._cut(access, files)
        except (AccessError, RecordingError) as error:
            logger.warning("The audio of a passage of %s is left out: %s", self.name, error)
            return None

    def _cut(self, access: FileAccess | None, files: ExitStack) -> bytes:
        from apertis_audio_tools.audio import cut_chat_clip, probe, probe_in_child

        source: Any = Path(self.path)
        if access is not None:
            source = files.enter_context(access.reading(self.path))
            if access.isolate_probe:
                probe_in_child(source)
        with probe(source, track=self.track) as recording:
            if recording.digest() != self.digest:
                raise RecordingError(f"{recording.label} has changed since it was indexed.")
            return cut_chat_clip(recording, self.start, self.end)

    @property
    def note(self) -> str:
        """Text that replaces a clip that cannot be cut any more."""
        return words_or_note(None, self.name)


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


def find_clip(node: BaseNode) -> ClipReference | None:
    """Return the reference that a document or node has in place of audio, if it has one."""
    resource = node.audio_resource if isinstance(node, Node) else None
    return None if resource is None else ClipReference.from_base64(str(resource.url or ""))


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
