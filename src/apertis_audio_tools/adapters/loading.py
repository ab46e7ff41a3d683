"""Recordings read into documents: what the loaders and readers of both frameworks share."""

import asyncio
import contextlib
import itertools
import logging
import os
from collections.abc import AsyncGenerator, Generator, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Generic, TypeGuard, TypeVar

from apertis_audio_tools.adapters.documents import (
    DocumentOptions,
    TranscriptDocument,
    transcript_documents,
)
from apertis_audio_tools.audio import Source, is_named_source
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
from apertis_audio_tools.models import (
    TRANSCRIPTION_MODEL,
    Task,
    UploadFormat,
    require_piece_options,
)
from apertis_audio_tools.pipeline.batch import Outcome
from apertis_audio_tools.results import Transcript

logger = logging.getLogger("apertis_audio_tools")

T = TypeVar("T")

_ABOUT_ALL = (
    AuthenticationError,
    CertificateError,
    ConfigurationError,
    NotFoundError,
    PaymentError,
    PermissionDeniedError,
    RateLimitError,
)
"""Errors that are not the recording's: no other one would fare better."""
_NO_ANSWER = (APIConnectionError, MalformedResponseError, ServerError)
"""Errors that may be the recording's, if it is something that the service cannot bear."""
_MOST_UNANSWERED = 3
"""Recordings in a row without an answer, before it is the service that fails, and not they."""


def source_name(source: Source) -> str | None:
    """What the caller calls a recording: the name given with it, its path, or an open file's."""
    given, content = source if is_named_source(source) else (None, source)
    name = given or (content if _is_name(content) else getattr(content, "name", None))
    return os.fspath(name) if _is_name(name) else None


def _is_name(value: object) -> TypeGuard[str | os.PathLike[str]]:
    return isinstance(value, str | os.PathLike)


@dataclass(frozen=True, slots=True)
class Failure:
    """A recording that was skipped: what it is called, and why."""

    source: str
    error: ApertisError


def skip_recording(source: str, error: ApertisError) -> Failure:
    """A failure that is not raised, but told in the log."""
    logger.warning("%s was skipped: %s", source, error)
    return Failure(source, error)


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """What is asked of recordings, and how the answers become documents.

    Attributes:
        task: ``transcribe``, or ``translate`` into English.
        model: As in `ApertisAudio.transcribe`, like all that follow but `document_options`.
        language: Only to transcribe.
        prompt: Likewise for both tasks.
        temperature: Likewise.
        piece_seconds: Without it, models that give no times get pieces as long as a passage, so
            that passages have times all the same.
        upload_format: Likewise.
        document_options: How transcripts are split.

    Raises:
        ConfigurationError: There is no such task, or it has no such parameter.
        UnsupportedError: There is no such `upload_format`.
    """

    task: Task = "transcribe"
    model: str = TRANSCRIPTION_MODEL
    language: str | None = None
    prompt: str | None = None
    temperature: float | None = None
    piece_seconds: float | None = None
    upload_format: UploadFormat = "auto"
    document_options: DocumentOptions = field(default_factory=DocumentOptions)

    def __post_init__(self) -> None:
        if self.task not in {"transcribe", "translate"}:
            raise ConfigurationError(f"task is {self.task!r}; it is transcribe or translate.")
        if self.task == "translate" and self.language is not None:
            raise ConfigurationError("language is only for transcribing; translations are English.")
        require_piece_options(self.piece_seconds, self.upload_format)

    def each(
        self, audio: ApertisAudio, recordings: Iterable[tuple[T, Source]], **how: Any
    ) -> Generator[tuple[T, Outcome]]:
        """What became of each recording, in order, with what the caller has for it.

        Args:
            audio: The client.
            recordings: Something of the caller's, and the recording.
            how: ``on_error`` and ``progress`` of `ApertisAudio.transcribe_many`.

        Raises:
            ApertisError: Of a recording; if errors are collected, only what would befall all of
                them, such as a wrong key, or a service that answered none of them, or not three
                in a row.
        """
        waiting, hope = _Pending(recordings), _OutageDetector()
        verb = getattr(audio, f"{self.task}_many")
        outcomes = verb(waiting.sources(), **self.options(audio), **how)
        with contextlib.closing(outcomes):
            for outcome in outcomes:
                hope.require(outcome)
                yield waiting.take(outcome), outcome
        hope.require_any()

    async def aeach(
        self, audio: ApertisAudio, recordings: Iterable[tuple[T, Source]], **how: Any
    ) -> AsyncGenerator[tuple[T, Outcome]]:
        """The same; recordings are looked for off the event loop."""
        waiting, hope = _Pending(recordings), _OutageDetector()
        verb = getattr(audio, f"a{self.task}_many")
        outcomes = verb(waiting.asources(), **self.options(audio), **how)
        async with contextlib.aclosing(outcomes):
            async for outcome in outcomes:
                hope.require(outcome)
                yield waiting.take(outcome), outcome
        hope.require_any()

    def options(self, audio: ApertisAudio) -> dict[str, Any]:
        """What the client's verbs are called with."""
        asked = asdict(self)
        document_options, task = asked.pop("document_options"), asked.pop("task")
        if task == "translate":
            del asked["language"]
        if self.piece_seconds is None and self.document_options.granularity != "recording":
            gives_times = audio.gives_times(self.model, self.task)
            asked["piece_seconds"] = None if gives_times else document_options["max_seconds"]
        return asked

    def documents(self, transcript: Transcript, name: str | None) -> Iterator[TranscriptDocument]:
        """The documents of one transcript; `name` is what the recording is called, if anything."""
        asked = asdict(self)
        document_options = asked.pop("document_options")
        if self.document_options.granularity == "passage":
            asked |= document_options
        return transcript_documents(transcript, self.document_options, name=name, asked=asked)


class _OutageDetector:
    """Whether other recordings may fare better than those that failed.

    To skip every recording one by one would hide what is wrong, and leave nothing in an index.
    """

    def __init__(self) -> None:
        self._unanswered = 0
        self._silence: ApertisError | None = None
        self._is_heard = False

    def require(self, outcome: Outcome) -> None:
        """Fail with what befalls all recordings."""
        error = outcome.error
        if isinstance(error, _ABOUT_ALL):
            raise error
        if isinstance(error, _NO_ANSWER):
            self._unanswered += 1
            self._silence = self._silence or error
            if self._unanswered == _MOST_UNANSWERED:
                raise error
        elif error is None or isinstance(error, APIError):
            self._unanswered, self._is_heard = 0, True

    def require_any(self) -> None:
        """Fail, at the end, if the service never answered."""
        if self._silence and not self._is_heard:
            raise self._silence


class _Pending(Generic[T]):
    """What the caller has for the recordings that are under way."""

    def __init__(self, recordings: Iterable[tuple[T, Source]]) -> None:
        self._recordings = recordings
        self._held: dict[int, T] = {}

    def sources(self) -> Iterator[Source]:
        """The recordings, as they are asked for."""
        for index, (held, source) in enumerate(self._recordings):
            self._held[index] = held
            yield source

    async def asources(self) -> AsyncGenerator[Source]:
        """The same; looking for the next one may block, so a thread does."""
        sources = self.sources()
        while taken := await asyncio.to_thread(list, itertools.islice(sources, 1)):
            yield taken[0]

    def take(self, outcome: Outcome) -> T:
        """What belongs to an outcome, which is not held any more."""
        return self._held.pop(outcome.index)
