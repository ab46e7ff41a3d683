"""Transcribe a corpus with Ray Data."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Unpack

import ray

from apertis_audio_tools.adapters.client_handle import LazyClient, LimitedClientOptions, hide_key
from apertis_audio_tools.adapters.documents import DocumentOptions
from apertis_audio_tools.adapters.loading import LoadOptions
from apertis_audio_tools.api.options import TranscriptionOptions
from apertis_audio_tools.client import settings
from apertis_audio_tools.files.discovery import RecordingPath
from apertis_audio_tools.ray.recording_paths import find_sources
from apertis_audio_tools.ray.transcriber import Transcriber

_MAX_BATCH = 64
"""Recordings of a batch, whose rows are in memory together."""
_BATCHES_PER_WORKER = 4
"""With several batches for each worker, all of them are busy until nearly the end."""


def transcribe_dataset(
    paths: RecordingPath | Iterable[RecordingPath],
    transcription: TranscriptionOptions | None = None,
    documents: DocumentOptions | None = None,
    *,
    workers: int = 2,
    cpus_per_worker: float = 1.0,
    cluster_concurrency: int | None = None,
    storage_options: Mapping[str, Any] | None = None,
    **client: Unpack[LimitedClientOptions],
) -> ray.data.Dataset:
    """Return a data set of the passages of recordings, which Ray transcribes when it is consumed.

    With a cache that all machines share, whatever is killed may be started again, and pays for
    nothing twice.

    Args:
        paths: Files, folders, URLs of fsspec, or patterns such as ``s3://bucket/2027/*.mp3``.
        transcription: Options of each transcription. Defaults to those of
            `ApertisAudio.transcribe`.
        documents: Size of passages. Defaults to those of the loaders.
        workers: Number of worker processes.
        cpus_per_worker: Processors that Ray sets aside for each worker.
        cluster_concurrency: Number of pieces under way at once in all workers; see `Transcriber`.
        storage_options: Options of fsspec for URLs, such as credentials.
        client: Settings of `ApertisAudio`; `requests_per_minute`, `max_cost` and
            `max_audio_seconds` limit all workers together. See `Transcriber`.

    Returns:
        Rows with the columns of `Row`, for example to be written as Parquet.

    Raises:
        ConfigurationError: If there are no recordings, no key, or an option is invalid.
    """
    hide_key(client)
    LoadOptions(transcription or TranscriptionOptions(), documents or DocumentOptions())
    LazyClient(None, client).require_settings()
    workers = settings.require_whole("workers", workers, minimum=1)
    if cluster_concurrency is not None:
        settings.require_whole("cluster_concurrency", cluster_concurrency, minimum=1)
    storage_options = dict(storage_options or {})
    sources = find_sources(paths, storage_options)
    blocks = -(-len(sources) // batch_size(len(sources), workers))
    return ray.data.from_items(
        [{"path": source} for source in sources], override_num_blocks=blocks
    ).map_batches(
        Transcriber,
        fn_constructor_args=(transcription, documents),
        fn_constructor_kwargs={
            "cluster_concurrency": cluster_concurrency,
            "budget": uuid.uuid4().hex,
            "storage_options": storage_options,
            **client,
        },
        batch_size=None,
        # While the last recordings of a batch are under way, the first ones of the next one start.
        compute=ray.data.ActorPoolStrategy(
            size=workers, max_concurrent_calls_per_actor=2, enable_true_multi_threading=True
        ),
        num_cpus=cpus_per_worker,
    )


def batch_size(recordings: int, workers: int) -> int:
    """Return the number of recordings that a worker gets at a time."""
    return max(1, min(_MAX_BATCH, recordings // (workers * _BATCHES_PER_WORKER)))
