"""The callable class that transcribes the recordings of a batch of Ray Data."""

import logging
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Unpack

import pyarrow as pa
import ray

from apertis_audio_tools.adapters.client_handle import LimitedClientOptions, hide_key
from apertis_audio_tools.adapters.documents import DocumentOptions, path_source
from apertis_audio_tools.adapters.loading import LoadOptions, log_failure
from apertis_audio_tools.api.options import TranscriptionOptions
from apertis_audio_tools.client import ApertisAudio, settings
from apertis_audio_tools.errors import (
    ApertisError,
    AuthenticationError,
    CertificateError,
    ConfigurationError,
    PaymentError,
    PermissionDeniedError,
)
from apertis_audio_tools.pipeline.accounts import NO_LIMITS, Account, Limits
from apertis_audio_tools.pipeline.cache import default_cache_setting
from apertis_audio_tools.ray.limits_actor import connect
from apertis_audio_tools.ray.recording_paths import is_url, open_recording
from apertis_audio_tools.ray.rows import COLUMNS, Row, failure_row, transcript_rows
from apertis_audio_tools.ray.worker_limits import ClusterBudget, LimitsLostError, WorkerLimits

logger: logging.Logger = logging.getLogger("apertis_audio_tools")

SCHEMA: pa.Schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in COLUMNS.items()])
"""Columns of the rows; see `Row`."""

_CONCURRENCY = 8
_SHARED_ERRORS = (
    AuthenticationError,
    CertificateError,
    ConfigurationError,
    PaymentError,
    PermissionDeniedError,
)
"""Errors that every other recording would run into as well."""


class Transcriber:
    """Callable class for ``Dataset.map_batches``: recordings in, rows of passages out.

    The rows have the columns of `Row`, in the order of the batch. A recording that fails is a row
    with the error; after a failure that all others would share, such as a wrong key, the worker
    sends nothing more.

    Args:
        transcription: Options of each transcription. Defaults to those of
            `ApertisAudio.transcribe`.
        documents: Size of passages. Defaults to those of the loaders.
        path_column: Column with the paths or URLs. Defaults to ``path``.
        cluster_concurrency: Number of pieces under way at once in all workers that use the same
            key; `max_concurrency` is that of one worker. Defaults to None, for no limit.
        budget: Name of the budget that `max_cost` and `max_audio_seconds` limit: all workers with
            the same name share it. Defaults to one budget for the job of Ray.
        storage_options: Options of fsspec for URLs, such as credentials.
        client: Settings of `ApertisAudio`. All workers that use the key keep
            `requests_per_minute` together. The cache is on by default.

    Raises:
        ConfigurationError: If there is no key, or an option is invalid.
    """

    def __init__(
        self,
        transcription: TranscriptionOptions | None = None,
        documents: DocumentOptions | None = None,
        *,
        path_column: str = "path",
        cluster_concurrency: int | None = None,
        budget: str | None = None,
        storage_options: Mapping[str, Any] | None = None,
        **client: Unpack[LimitedClientOptions],
    ) -> None:
        hide_key(client)
        self._options = LoadOptions(
            transcription or TranscriptionOptions(), documents or DocumentOptions()
        )
        self._path_column = path_column
        self._storage = dict(storage_options or {})
        limits = Limits(client.pop("max_cost", None), client.pop("max_audio_seconds", None))
        size = client.setdefault("max_concurrency", _CONCURRENCY)
        if client.get("cache") is None:
            client["cache"] = default_cache_setting()
        authority = connect(
            settings.resolve_api_key(client.get("api_key")),
            settings.resolve_base_url(client.get("base_url")),
        )
        worker_limits = WorkerLimits(
            authority,
            uuid.uuid4().hex,
            settings.require_whole("max_concurrency", size, minimum=1),
            cluster_concurrency,
            settings.require_rate(client.get("requests_per_minute", settings.REQUESTS_PER_MINUTE)),
        )
        self._client = ApertisAudio(**client, limits=worker_limits.shared)
        job = budget or ray.get_runtime_context().get_job_id()
        self._budget = None if limits == NO_LIMITS else ClusterBudget(authority, job, limits)
        self._threads = ThreadPoolExecutor(size, "apertis-recordings")
        self._shared_error: ApertisError | None = None

    def __call__(self, batch: Mapping[str, Any]) -> pa.Table:
        """Return the rows of the recordings of a batch."""
        paths = [str(path) for path in batch[self._path_column]]
        rows = [row.as_dict() for each in self._threads.map(self._rows, paths) for row in each]
        return pa.Table.from_pylist(rows, schema=SCHEMA)

    def _rows(self, path: str) -> list[Row]:
        source = path if is_url(path) else path_source(path, None)
        account, options = Account(parent=self._budget), self._options
        try:
            if self._shared_error:
                raise self._shared_error
            with open_recording(source, self._storage) as recording:
                transcript = self._client.transcribe_with(recording, options.transcription, account)
        except LimitsLostError:
            raise
        except ApertisError as error:
            if isinstance(error, _SHARED_ERRORS):
                self._shared_error = error
            log_failure(source, error)
            return [failure_row(source, error, account.total)]
        return [
            *transcript_rows(
                transcript, source, account.total, options.transcription, options.documents
            )
        ]
