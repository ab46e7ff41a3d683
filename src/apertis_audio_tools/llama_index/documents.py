"""Conversion of transcript documents into documents of LlamaIndex."""

import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path

from llama_index.core.schema import Document, MediaResource, NodeRelationship, RelatedNodeInfo

from apertis_audio_tools.adapters.documents import TranscriptDocument

_CITATION_KEYS = ("start", "end", "timecode")
_RECORDING_KEYS = ("duration", "language", "language_reported", "model", "task")
_REDUNDANT_KEYS = ("file_path",)
"""Metadata that SimpleDirectoryReader adds and shows to models, and that ``source`` repeats."""


def to_documents(
    transcript_documents: Iterable[TranscriptDocument],
    extra_info: Mapping[str, object],
    path: Path | None,
) -> list[Document]:
    """Return the documents of one recording, each linked to the previous and the next one.

    Metadata in `extra_info` never replace those of the recording. A recording in a local file has
    a `path`.
    """
    documents = [_document(each, extra_info, path) for each in transcript_documents]
    for earlier, later in itertools.pairwise(documents):
        earlier.relationships[NodeRelationship.NEXT] = RelatedNodeInfo(node_id=later.id_)
        later.relationships[NodeRelationship.PREVIOUS] = RelatedNodeInfo(node_id=earlier.id_)
    return documents


def _document(
    document: TranscriptDocument, extra_info: Mapping[str, object], path: Path | None
) -> Document:
    hidden = [*_RECORDING_KEYS, *(key for key in _REDUNDANT_KEYS if key in extra_info)]
    return Document(
        id_=document.id,
        text=document.text,
        metadata={**document.metadata, **extra_info, **document.metadata},  # the order of the first
        excluded_embed_metadata_keys=[*_CITATION_KEYS, *hidden],
        excluded_llm_metadata_keys=[*hidden],
        audio_resource=None if path is None else MediaResource(path=path),
    )
