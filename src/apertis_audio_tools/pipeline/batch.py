"""Many recordings on their way: which may begin, what came of each, whose turn it is."""

import contextlib
from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Sized
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from apertis_audio_tools.audio import Source, source_label
from apertis_audio_tools.concurrency.signals import Notifier
from apertis_audio_tools.errors import ApertisError, ConfigurationError
from apertis_audio_tools.pipeline.progress import Progress, ProgressCallback, ProgressReporter
from apertis_audio_tools.pipeline.tracebacks import drop_traceback, forget_variables
from apertis_audio_tools.pipeline.transcription_job import JobState, StoppedError, TranscriptionJob
from apertis_audio_tools.results import Transcript

OnError = Literal["raise", "skip"]
Sources = Iterable[Source] | AsyncIterable[Source]

_AHEAD = 2
"""How many times as many recordings as go on at once may have begun or wait for their turn."""


def require_error_mode(on_error: str) -> None:
    """Raise unless `on_error` is one of the two modes.

    Raises:
        ConfigurationError: It is not.
    """
    if on_error not in get_args(OnError):
        raise ConfigurationError(f'on_error is "raise" or "skip", not {on_error!r}.')


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one of many recordings.

    Attributes:
        index: Its place among the sources, from 0.
        source: As it was given.
        error: Why there is no transcript; None when there is one.
    """

    index: int
    source: Source = field(repr=False)
    error: ApertisError | None
    _transcript: Transcript | None = field(repr=False)

    @property
    def label(self) -> str:
        """What messages call the recording."""
        return source_label(self.source)

    @property
    def transcript(self) -> Transcript:
        """The transcript.

        Raises:
            ApertisError: The recording's own error, when it failed.
        """
        if self._transcript is None:
            error = self.error or AssertionError("an outcome has a transcript or an error")
            raise error.with_traceback(None)  # without the frames of whoever asked before
        return self._transcript


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """Recordings to be transcribed, and how their outcomes are handed over.

    Raises:
        ConfigurationError: Something of it cannot be.
    """

    sources: Sources = field(repr=False)
    job: Callable[[Source], TranscriptionJob]
    in_order: bool
    on_error: OnError
    reporting: ProgressReporter

    def __post_init__(self) -> None:
        require_error_mode(self.on_error)
        is_one = isinstance(self.sources, str | bytes | bytearray | memoryview)
        if is_one or hasattr(self.sources, "read"):
            raise ConfigurationError("sources is one recording; pass several, such as a list.")
        if not isinstance(self.sources, Iterable | AsyncIterable):
            raise ConfigurationError(
                f"sources has to be iterable; a {type(self.sources).__name__} is not."
            )

    @property
    def total(self) -> int | None:
        """How many recordings there are, as far as the sources say."""
        return len(self.sources) if isinstance(self.sources, Sized) else None

    @contextlib.contextmanager
    def begun(self, at_once: int) -> Iterator["BatchState"]:
        """The recordings on their way, at most so many at once; all are halted in the end."""
        with self.reporting.open(self.total) as report:
            batch = BatchState(self, at_once, report, Progress(total=self.total))
            try:
                yield batch
            finally:
                batch.halt()


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One recording under way."""

    index: int
    source: Source = field(repr=False)
    tally: JobState = field(default_factory=JobState, compare=False)


@dataclass(slots=True)
class BatchState:
    """The books of many recordings; whoever drives them asks here what to do next."""

    many: BatchRequest
    at_once: int
    report: ProgressCallback
    progress: Progress
    bell: Notifier = field(default_factory=Notifier)
    _begun: int = 0
    _handed: int = 0
    _running: dict[int, BatchItem] = field(default_factory=dict)
    _waiting: dict[int, Outcome] = field(default_factory=dict)
    _is_failed: bool = False

    @property
    def has_room(self) -> bool:
        """Whether one more recording may begin."""
        ahead = len(self._running) + len(self._waiting)
        is_busy = len(self._running) >= self.at_once or ahead >= _AHEAD * self.at_once
        return not is_busy and not self._is_failed

    def begin(self, source: Source) -> BatchItem:
        """The next recording sets out."""
        ticket = BatchItem(self._begun, source, JobState(bell=self.bell))
        self._begun += 1
        self._running[ticket.index] = ticket
        return ticket

    def succeed(self, ticket: BatchItem, transcript: Transcript) -> None:
        """It has arrived."""
        self._end(ticket, Outcome(ticket.index, ticket.source, None, transcript))

    def fail(self, ticket: BatchItem, error: ApertisError) -> None:
        """It has not; one that was only halted has no outcome."""
        if isinstance(error, StoppedError):
            del self._running[ticket.index]
            return
        drop_traceback(error)
        forget_variables(error)
        self._end(ticket, Outcome(ticket.index, ticket.source, error, None))

    def hear(self) -> bool:
        """Whether pieces have come since this was last asked; then their sound is reported."""
        if has_rung := self.bell.heard():
            self._tell()
        return has_rung

    def ready(self) -> Iterator[Outcome]:
        """The outcomes whose turn it is.

        Raises:
            ApertisError: The recording's own, at its turn, when errors are to be raised.
        """
        while self._waiting:
            index = self._handed if self.many.in_order else next(iter(self._waiting))
            outcome = self._waiting.pop(index, None)
            if outcome is None:
                return
            self._handed += 1
            if outcome.error and self.many.on_error == "raise":
                raise outcome.error
            yield outcome

    def halt(self) -> None:
        """Nothing more is sent for any of them."""
        for ticket in tuple(self._running.values()):
            ticket.tally.halt.set()

    def _end(self, ticket: BatchItem, outcome: Outcome) -> None:
        del self._running[ticket.index]
        self._waiting[ticket.index] = outcome
        if outcome.error and self.many.on_error == "raise":
            self._give_up_after(ticket.index)
        self.progress = _further(self.progress, outcome)
        self._tell()

    def _tell(self) -> None:
        under_way = sum(ticket.tally.seconds for ticket in self._running.values())
        self.report(replace(self.progress, seconds=self.progress.seconds + under_way))

    def _give_up_after(self, index: int) -> None:
        """Nobody will be handed what comes later; what comes before still has its turn."""
        self._is_failed = True
        for ticket in self._running.values():
            if ticket.index > index or not self.many.in_order:
                ticket.tally.halt.set()


def _further(progress: Progress, outcome: Outcome) -> Progress:
    seconds = 0.0 if outcome.error else outcome.transcript.duration or 0.0
    return replace(
        progress,
        done=progress.done + 1,
        failed=progress.failed + (outcome.error is not None),
        label=outcome.label,
        seconds=progress.seconds + seconds,
    )
