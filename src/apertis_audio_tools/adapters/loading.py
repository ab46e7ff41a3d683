"""Load recordings as documents: the part that the loaders of both frameworks share."""

import asyncio
import contextlib
import itertools
import logging
import os
from collections.abc import AsyncGenerator, Collection, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeGuard, TypeVar

from apertis_audio_tools.adapters.documents import (
    DocumentOptions,
    TranscriptDocument,
    make_documents,
)
from apertis_audio_tools.api.options import ENGLISH, TranscriptionOptions
from apertis_audio_tools.audio import Source, is_named_source, require_file
from apertis_audio_tools.client import ApertisAudio
from apertis_audio_tools.errors import (
    ApertisError,
    APIConnectionError,
    APIError,
    AuthenticationError,
    CertificateError,
    ConfigurationError,
    MalformedResponseError,
    NotFoundError,
    PaymentError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
)
from apertis_audio_tools.pipeline.accounts import Account
from apertis_audio_tools.pipeline.batch import OnError, Outcome, require_error_mode
from apertis_audio_tools.pipeline.progress import ProgressCallback
from apertis_audio_tools.results import Transcript

logger: logging.Logger = logging.getLogger("apertis_audio_tools")

T = TypeVar("T")

_FATAL_ERRORS = (
    AuthenticationError,
    CertificateError,
    ConfigurationError,
    NotFoundError,
    PaymentError,
    PermissionDeniedError,
    RateLimitError,
)
"""Errors that every other recording would run into as well."""
_UNANSWERED_ERRORS = (APIConnectionError, MalformedResponseError, ServerError)
"""Errors that one recording may cause, or an outage of the service."""
_MAX_UNANSWERED = 3
"""Number of recordings in a row without a response that counts as an outage."""


def get_source_name(source: Source) -> str | None:
    """Return the name or path of a recording, or None if it has neither.

    Open files of other file systems, such as those of s3fs, have a ``path``.
    """
    given_name, content = source if is_named_source(source) else (None, source)
    names = (given_name, content, *(getattr(content, each, None) for each in ("name", "path")))
    return next((os.fspath(name) for name in names if name and _is_path(name)), None)


def _is_path(value: object) -> TypeGuard[str | os.PathLike[str]]:
    return isinstance(value, str | os.PathLike)


@dataclass(frozen=True, slots=True)
class Failure:
    """A recording that was skipped.

    Attributes:
        source: Name of the recording.
        error: Reason why it was skipped.
    """

    source: str
    error: ApertisError


def log_failure(source: str, error: ApertisError) -> Failure:
    """Log that a recording was skipped, and return the failure."""
    logger.warning("%s was skipped: %s", source, error)
    return Failure(source, error)


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """Options of loading recordings as documents, which are refused if they are invalid.

    Attributes:
        transcription: Options of each transcription.
        documents: Options of splitting transcripts into documents.
        on_error: ``raise``, or ``skip`` recordings that fail; see `transcribe_each`.
        progress: See `ApertisAudio.transcribe_many`.
    """

    transcription: TranscriptionOptions = field(default_factory=TranscriptionOptions)
    documents: DocumentOptions = field(default_factory=DocumentOptions)
    on_error: OnError = "raise"
    progress: bool | ProgressCallback = False

    def __post_init__(self) -> None:
        from apertis_audio_tools.api.transcription import check_terms

        options = self.transcription
        if options.task not in {"transcribe", "translate"}:
            raise ConfigurationError(f"task is {options.task!r}; it is transcribe or translate.")
        if not options.model:
            raise ConfigurationError(f"model is {options.model!r}; it is the name of a model.")
        if options.task == "translate" and (options.language or options.languages):
            raise ConfigurationError("The language spoken is only for transcribing.")
        if options.task == "transcribe" and options.to != ENGLISH:
            raise ConfigurationError("to is only for translating; set task to translate.")
        check_terms(options)
        options.require_valid()
        require_error_mode(self.on_error)

    def transcribe_each(
        self,
        client: ApertisAudio,
        recordings: Iterable[tuple[T, Source]],
        account: Account | None = None,
    ) -> Generator[tuple[T, Outcome]]:
        """Yield the outcome of each recording, in order, with the value the caller paired it with.

        An error is raised after the outcomes of the recordings that were under way. The files of a
        list of recordings are checked before anything is sent. They are charged to the account,
        whose limits they keep.

        Raises:
            ApertisError: If a recording fails. With ``on_error="skip"``, only if the others would
                fail as well: for a wrong key, when a limit is reached, or when the service answered
                none of the recordings, or not three in a row.
        """
        self._require_files(recordings)
        pending, outages = _Pending(recordings), _OutageDetector()
        outcomes = client.transcribe_many_with(
            pending.sources(),
            self.transcription,
            account,
            on_error=self.on_error,
            progress=self.progress,
        )
        with contextlib.closing(outcomes):
            for outcome in outcomes:
                value = pending.pop(outcome)
                if outages.admits(outcome):
                    yield value, outcome
                else:
                    pending.end()
        outages.raise_error()

    async def atranscribe_each(
        self,
        client: ApertisAudio,
        recordings: Iterable[tuple[T, Source]],
        account: Account | None = None,
    ) -> AsyncGenerator[tuple[T, Outcome]]:
        """Async version of `transcribe_each`; `recordings` is iterated in a thread."""
        await asyncio.to_thread(self._require_files, recordings)
        pending, outages = _Pending(recordings), _OutageDetector()
        outcomes = client.atranscribe_many_with(
            pending.asources(),
            self.transcription,
            account,
            on_error=self.on_error,
            progress=self.progress,
        )
        async with contextlib.aclosing(outcomes):
            async for outcome in outcomes:
                value = pending.pop(outcome)
                if outages.admits(outcome):
                    yield value, outcome
                else:
                    pending.end()
        outages.raise_error()

    def make_documents(
        self, transcript: Transcript, name: str | None
    ) -> Iterator[TranscriptDocument]:
        """Yield the documents of one transcript. See `documents.make_documents`."""
        return make_documents(transcript, self.transcription, self.documents, name=name)

    def _require_files(self, recordings: Iterable[tuple[T, Source]]) -> None:
        """Raise if one of a list of recordings is missing; an iterator is not read ahead."""
        if self.on_error == "raise" and isinstance(recordings, Collection):
            for _, source in recordings:
                require_file(source)


class _OutageDetector:
    """Detects a service-wide outage, so that a batch stops instead of skipping every file.

    Skipping every recording would hide the cause, and leave an index empty.
    """

    def __init__(self) -> None:
        self._unanswered = 0
        self._first_error: ApertisError | None = None
        self._has_response = False
        self._outage: ApertisError | None = None

    def admits(self, outcome: Outcome) -> bool:
        """Take an outcome into account; return False for an error that other recordings share."""
        error = outcome.error
        if isinstance(error, _UNANSWERED_ERRORS):
            self._unanswered += 1
            self._first_error = self._first_error or error
        elif error is None or isinstance(error, APIError):
            self._unanswered, self._has_response = 0, True
        if isinstance(error, _FATAL_ERRORS) or self._unanswered >= _MAX_UNANSWERED:
            self._outage = self._outage or error
        return error is None or self._outage is None

    def raise_error(self) -> None:
        """Raise the error of an outage, at the end; the first error if nothing was answered."""
        if self._outage:
            raise self._outage
        if self._first_error and not self._has_response:
            raise self._first_error


class _Pending(Generic[T]):
    """The values that the caller keeps for recordings whose outcome is not known yet."""

    def __init__(self, recordings: Iterable[tuple[T, Source]]) -> None:
        self._recordings = recordings
        self._values: dict[int, T] = {}
        self._is_ended = False

    def sources(self) -> Iterator[Source]:
        """Yield the recordings one by one."""
        for index, (value, source) in enumerate(self._recordings):
            self._values[index] = value
            yield source
            if self._is_ended:
                return

    async def asources(self) -> AsyncGenerator[Source]:
        """Yield the recordings; a thread finds each one, because that may block."""
        sources = self.sources()
        while found := await asyncio.to_thread(list, itertools.islice(sources, 1)):
            yield found[0]

    def end(self) -> None:
        """Yield no further recordings."""
        self._is_ended = True

    def pop(self, outcome: Outcome) -> T:
        """Remove and return the value that belongs to an outcome."""
        return self._values.pop(outcome.index)
