"""Batches: which recordings may start, their outcomes, and the order of delivery."""

import contextlib
from collections.abc import AsyncIterable, Collection, Iterable, Iterator, Sized
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, get_args

from apertis_audio_tools.audio import Source, require_file, source_label
from apertis_audio_tools.concurrency.signals import Notifier
from apertis_audio_tools.errors import ApertisError, BudgetExceededError, ConfigurationError
from apertis_audio_tools.pipeline.accounts import Account
from apertis_audio_tools.pipeline.job_state import JobState, StoppedError, drop_traceback
from apertis_audio_tools.pipeline.progress import Progress, ProgressCallback, ProgressReporter
from apertis_audio_tools.results import TotalUsage, Transcript

if TYPE_CHECKING:
    from apertis_audio_tools.pipeline.job_factory import JobFactory

OnError = Literal["raise", "skip"]
"""Effect of a failed recording on its batch: end it, or skip the recording and keep its error."""
Sources = Iterable[Source] | AsyncIterable[Source]

_AHEAD_FACTOR = 2
"""Recordings started or waiting for their turn, as a multiple of those under way at once."""


def require_error_mode(on_error: str) -> None:
    """Raise `ConfigurationError` unless `on_error` is ``raise`` or ``skip``."""
    if on_error not in get_args(OnError):
        raise ConfigurationError(f'on_error is "raise" or "skip", not {on_error!r}.')


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcome of one recording of a batch.

    Attributes:
        index: Position among the sources, from 0.
        source: Source as it was passed.
        error: Error of the recording; None if it was transcribed.
        total_usage: Usage and cost of the requests for it; nothing if all pieces were cached.
    """

    index: int
    source: Source = field(repr=False)
    error: ApertisError | None
    total_usage: TotalUsage
    _transcript: Transcript | None = field(repr=False)

    @property
    def label(self) -> str:
        """Name of the recording in messages."""
        return source_label(self.source)

    @property
    def transcript(self) -> Transcript:
        """Transcript of the recording.

        Raises:
            ApertisError: If the recording failed.
        """
        if self._transcript is None:
            error = self.error or AssertionError("an outcome has a transcript or an error")
            raise error.with_traceback(None)  # without the frames of an earlier call
        return self._transcript


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """Recordings to be transcribed, the order and the errors of their outcomes, and their account.

    Raises:
        ConfigurationError: If the sources are one recording or not iterable, or `on_error` is
            invalid.
    """

    sources: Sources = field(repr=False)
    factory: "JobFactory"
    in_order: bool
    on_error: OnError
    reporter: ProgressReporter
    account: Account = field(default_factory=Account)

    def __post_init__(self) -> None:
        require_error_mode(self.on_error)
        is_one = isinstance(self.sources, str | bytes | bytearray | memoryview)
        if is_one or hasattr(self.sources, "read"):
            raise ConfigurationError("sources is one recording; pass several, such as a list.")
        if not isinstance(self.sources, Iterable | AsyncIterable):
            raise ConfigurationError(
                f"sources has to be iterable; a {type(self.sources).__name__} is not."
            )

    def require_files(self) -> None:
        """Raise if one of a list of paths is no file, so that nothing is sent in vain.

        An iterator is not read ahead for this, and with ``on_error="skip"`` the outcome of a
        missing file has the error.

        Raises:
            RecordingError: If a file is missing, empty or not a regular file.
        """
        if self.on_error == "raise" and isinstance(self.sources, Collection):
            for source in self.sources:
                require_file(source)

    @property
    def total(self) -> int | None:
        """Number of recordings; None if the sources have no length."""
        return len(self.sources) if isinstance(self.sources, Sized) else None

    @contextlib.contextmanager
    def start(self, concurrency: int) -> Iterator["BatchState"]:
        """Open the state of a batch in which up to `concurrency` recordings are under way at once.

        On leaving, all recordings that are still under way are stopped.
        """
        with self.reporter.open(self.total) as report:
            batch = BatchState(self, concurrency, report, Progress(total=self.total))
            try:
                yield batch
            finally:
                batch.stop()


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One recording under way."""

    index: int
    source: Source = field(repr=False)
    state: JobState = field(default_factory=JobState, compare=False)

    @property
    def total_usage(self) -> TotalUsage:
        """Usage of the requests for the recording so far."""
        return self.state.account.total if self.state.account else TotalUsage()


@dataclass(slots=True)
class BatchState:
    """Mutable state of a batch, which decides what the runner does next."""

    request: BatchRequest
    concurrency: int
    report: ProgressCallback | None
    progress: Progress
    notifier: Notifier = field(default_factory=Notifier)
    _started: int = 0
    _delivered: int = 0
    _running: dict[int, BatchItem] = field(default_factory=dict)
    _undelivered: dict[int, Outcome | Exception] = field(default_factory=dict)
    _is_failed: bool = False
    _failure: Exception | None = None

    @property
    def is_failed(self) -> bool:
        """True if no further recording may start; those under way are finished and delivered."""
        return self._is_failed

    @property
    def has_room(self) -> bool:
        """True if one more recording may start."""
        ahead = len(self._running) + len(self._undelivered)
        is_busy = (
            len(self._running) >= self.concurrency or ahead >= _AHEAD_FACTOR * self.concurrency
        )
        return not is_busy and not self._is_failed

    def add(self, source: Source) -> BatchItem:
        """Start the next recording."""
        state = JobState(notifier=self.notifier, account=Account(parent=self.request.account))
        item = BatchItem(self._started, source, state)
        self._started += 1
        self._running[item.index] = item
        return item

    def succeed(self, item: BatchItem, transcript: Transcript) -> None:
        """Record the transcript of a recording."""
        self._end(item, Outcome(item.index, item.source, None, item.total_usage, transcript))

    def fail(self, item: BatchItem, error: ApertisError) -> None:
        """Record the error of a recording; one that was only stopped has no outcome."""
        if isinstance(error, StoppedError):
            del self._running[item.index]
            return
        drop_traceback(error)
        self._end(item, Outcome(item.index, item.source, error, item.total_usage, None))

    def break_off(self, item: BatchItem, error: Exception) -> None:
        """Record an exception of the caller's own code, such as of a file object; it is raised."""
        del self._running[item.index]
        self._undelivered[item.index] = error
        self._is_failed = True

    def take_notification(self) -> bool:
        """Report progress if pieces were transcribed since the last call; return whether so."""
        if notified := self.notifier.take():
            self._report()
        return notified

    @contextlib.contextmanager
    def catching_source_error(self) -> Iterator[None]:
        """Keep an exception of the iterable of sources until what is under way is delivered."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  # raised by `raise_failure`
            self._end_with(error)

    def take_outcomes(self) -> Iterator[Outcome]:
        """Yield the outcomes whose turn it is; those that end the batch are kept for its end."""
        while self._undelivered:
            index = self._delivered if self.request.in_order else next(iter(self._undelivered))
            outcome = self._undelivered.pop(index, None)
            if outcome is None:
                return
            self._delivered += 1
            if isinstance(outcome, Exception):
                self._end_with(outcome)
            elif outcome.error and self._ends_batch(outcome.error):
                self._end_with(outcome.error, outcome.label)
            else:
                yield outcome

    def raise_failure(self) -> None:
        """Raise the error that ended the batch, if there is one, and forget it here."""
        failure, self._failure = self._failure, None
        if failure:
            try:
                raise failure
            finally:
                del failure  # a frame of its traceback would hold it, and it the frame

    def stop(self) -> None:
        """Send nothing more for any of the recordings."""
        for item in tuple(self._running.values()):
            item.state.stop.set()

    def _end(self, item: BatchItem, outcome: Outcome) -> None:
        del self._running[item.index]
        self._undelivered[item.index] = outcome
        if outcome.error and self._ends_batch(outcome.error):
            self._is_failed = True
        if self.report:
            self.progress = _advanced(self.progress, outcome)
        self._report()

    def _ends_batch(self, error: ApertisError) -> bool:
        """Return whether an error ends the batch: any, or one that all recordings would have."""
        is_shared = isinstance(error, BudgetExceededError | ConfigurationError)
        return is_shared or self.request.on_error == "raise"

    def _report(self) -> None:
        if self.report:
            under_way = sum(item.state.seconds for item in self._running.values())
            self.report(replace(self.progress, seconds=self.progress.seconds + under_way))

    def _end_with(self, error: Exception, label: str = "The sources") -> None:
        """Start nothing more. The first error is raised in the end; further ones are its notes."""
        self._is_failed = True
        if self._failure is None:
            self._failure = error
        else:
            self._failure.add_note(f"{label} failed as well: {error}")


def _advanced(progress: Progress, outcome: Outcome) -> Progress:
    seconds = 0.0 if outcome.error else outcome.transcript.duration or 0.0
    return replace(
        progress,
        done=progress.done + 1,
        failed=progress.failed + (outcome.error is not None),
        label=outcome.label,
        seconds=progress.seconds + seconds,
    )
