"""Conversion of transcript documents into documents of LlamaIndex."""

import itertools
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import isfinite

from llama_index.core.schema import Document, NodeRelationship, RelatedNodeInfo

from apertis_audio_tools.adapters.documents import TranscriptDocument
from apertis_audio_tools.llama_index.clip_references import CLIP_KEY, ClipReference
from apertis_audio_tools.llama_index.passage_parser import PASSAGES_KEY, locate_passages
from apertis_audio_tools.results import Passage

logger: logging.Logger = logging.getLogger("apertis_audio_tools")

_CITATION_KEYS = ("start", "end", "timecode")
_RECORDING_KEYS = ("duration", "language", "language_reported", "model", "task")
_HIDDEN_KEYS = (PASSAGES_KEY, CLIP_KEY, "file_path")
"""Metadata for programs only: SimpleDirectoryReader adds the path, which ``source`` repeats."""
_FACT_KEYS = frozenset(
    {"source", "speaker", *_CITATION_KEYS, *_RECORDING_KEYS, "track", PASSAGES_KEY, CLIP_KEY}
)


def to_recording_document(
    document: TranscriptDocument,
    passages: Sequence[Passage],
    extra_info: Mapping[str, object],
    clip: ClipReference | None = None,
) -> Document:
    """Return the document of a whole recording, with the times of its passages.

    It has no audio (`clip` is for `PassageNodeParser`), and no ``start`` and ``end``, because
    splitters would copy them to every part.
    """
    text, spans = locate_passages(document.text, passages)
    metadata = {key: each for key, each in document.metadata.items() if key not in _CITATION_KEYS}
    metadata |= {PASSAGES_KEY: spans, **({CLIP_KEY: clip.to_json()} if clip else {})}
    return _document(replace(document, text=text, metadata=metadata), extra_info)


def to_documents(
    transcript_documents: Iterable[TranscriptDocument],
    extra_info: Mapping[str, object],
    clip: ClipReference | None = None,
) -> list[Document]:
    """Return the documents of one recording, each linked to the previous and the next one.

    With a reference to the recording, each has the clip of its passage.
    """
    documents = [_document(each, extra_info, clip) for each in transcript_documents]
    for earlier, later in itertools.pairwise(documents):
        earlier.relationships[NodeRelationship.NEXT] = RelatedNodeInfo(node_id=later.id_)
        later.relationships[NodeRelationship.PREVIOUS] = RelatedNodeInfo(node_id=earlier.id_)
    return documents


def flatten_extra_info(extra_info: Mapping[str, object]) -> dict[str, str | int | float | None]:
    """Return further metadata in the shape that vector stores accept.

    Lists, sets and mappings become JSON, and other objects text. An item with the name of a fact
    about recordings gets the prefix ``extra_``, which is logged.
    """
    flat = {str(key): _flatten(value) for key, value in extra_info.items()}
    for key in sorted(flat.keys() & _FACT_KEYS):
        prefixed = f"extra_{key}"
        while prefixed in flat:
            prefixed = f"extra_{prefixed}"
        flat[prefixed] = flat.pop(key)
        logger.warning("extra_info: %s is a fact about the recording; yours is %s.", key, prefixed)
    return flat


def _flatten(value: object) -> str | int | float | None:
    if isinstance(value, float) and not isfinite(value):
        return str(value)
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, list | tuple | set | frozenset | Mapping):
        return json.dumps(value, ensure_ascii=False, default=_as_json)
    return str(value)


def _as_json(value: object) -> object:
    """Return what JSON has no type for; sets in an order that is always the same."""
    return sorted(map(str, value)) if isinstance(value, set | frozenset) else str(value)


def _document(
    document: TranscriptDocument,
    extra_info: Mapping[str, object],
    clip: ClipReference | None = None,
) -> Document:
    metadata = {**document.metadata, **extra_info}
    hidden = [*_RECORDING_KEYS, *(key for key in _HIDDEN_KEYS if key in metadata)]
    made = Document(
        id_=document.reference_id,
        text=document.text,
        metadata=metadata,
        excluded_embed_metadata_keys=[*_CITATION_KEYS, *hidden],
        excluded_llm_metadata_keys=[*hidden],
    )
    if clip is None:
        return made
    from apertis_audio_tools.llama_index.clips import ClipDocument

    start, end = document.metadata["start"], document.metadata["end"]
    return ClipDocument.holding(made, clip.between(float(start), float(end)))
