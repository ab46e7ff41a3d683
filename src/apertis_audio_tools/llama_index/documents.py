"""Documents of the spine as documents of LlamaIndex."""

import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from llama_index.core.schema import Document, MediaResource, NodeRelationship, RelatedNodeInfo

from apertis_audio_tools.adapters import documents as spine

_FOR_CITING = ("start", "end", "timecode")
_ABOUT_THE_RECORDING = ("duration", "language", "model", "task")
_SAID_TWICE = ("file_path",)
"""What SimpleDirectoryReader adds and shows to models, and ``source`` says."""


def documents(
    found: Iterable[spine.TranscriptDocument], extra_info: Mapping[str, Any], path: Path | None
) -> list[Document]:
    """The documents of one recording, each linked with the one before and the one after.

    Args:
        found: As the spine made them.
        extra_info: Further metadata, which never replaces what the spine knows.
        path: Where the recording is, if it is a file.
    """
    made = [_document(each, extra_info, path) for each in found]
    for earlier, later in itertools.pairwise(made):
        earlier.relationships[NodeRelationship.NEXT] = RelatedNodeInfo(node_id=later.id_)
        later.relationships[NodeRelationship.PREVIOUS] = RelatedNodeInfo(node_id=earlier.id_)
    return made


def _document(
    found: spine.TranscriptDocument, extra_info: Mapping[str, Any], path: Path | None
) -> Document:
    further = {name: value for name, value in extra_info.items() if name not in found.metadata}
    hidden = [*_ABOUT_THE_RECORDING, *(name for name in _SAID_TWICE if name in further)]
    return Document(
        id_=found.id,
        text=found.text,
        metadata={**found.metadata, **further},
        excluded_embed_metadata_keys=[*_FOR_CITING, *hidden],
        excluded_llm_metadata_keys=[*hidden],
        audio_resource=None if path is None else MediaResource(path=path),
    )
