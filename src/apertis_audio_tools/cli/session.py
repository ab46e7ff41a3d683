"""What every command shares: whom it asks, how it reports, how it fails."""

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import typer
from rich.console import Console

from apertis_audio_tools.client import ApertisAudio
from apertis_audio_tools.errors import ApertisError, ConfigurationError, UnsupportedError
from apertis_audio_tools.pipeline.cache import default_cache_setting, open_cache
from apertis_audio_tools.results import Usage

SANDBOX_KEY = "sk-sandbox"
_FAILED, _WRONG_USAGE, _INTERRUPTED = 1, 2, 130

notes = Console(stderr=True, soft_wrap=True, highlight=False)
"""Everything that is not the result: progress, who answered, what failed."""


class _Notes(logging.Handler):
    """Shows what the client says of its retries, so that a wait is never a riddle.

    Many requests fail of one cause at once: while one is said to wait, the others are not told.
    """

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._told: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        why, wait = getattr(record, "why", ""), getattr(record, "wait", 0.0)
        if why and record.created < self._told.get(why, 0.0):
            return
        self._told[why] = record.created + wait
        notes.print(record.getMessage(), style="dim", markup=False)


@dataclass
class Session:
    """One run of a command against the service or a sandbox.

    Attributes:
        audio: The client.
        url: Whom it asks.
        keeps: Whether transcripts are kept for the next time.
    """

    audio: ApertisAudio
    url: str
    keeps: bool
    _servers: set[str] = field(default_factory=set)
    _usages: list[Usage] = field(default_factory=list)
    _failures: int = 0

    def failed(self, name: str, error: ApertisError) -> None:
        """Report a failure in a sentence; the rest goes on."""
        self._failures += 1
        print_error(f"{name}: {error}" if name not in str(error) else str(error))
        if error.partial:
            self._count(error.partial.transcript.usage)
            self.tell_what_is_kept()

    def tell_what_is_kept(self) -> None:
        """Say what the next try will cost."""
        if self.keeps:
            notes.print("What was answered is kept: the same command sends only the rest.")

    def tell_of_times(self, model: str, task: Literal["transcribe", "translate"]) -> None:
        """Say, before it is paid for, how coarse the times of a model are."""
        if not self.audio.gives_times(model, task):
            notes.print(
                f"{model} is not known to give times: a line may cover many minutes. "
                "--piece-seconds 30 makes shorter ones, with more requests.",
                markup=False,
            )

    def saw(self, server: str | None, usage: Usage | None = None) -> None:
        """Remember who answered, and what was counted."""
        self._servers.add(server or "a server that gives no name")
        self._count(usage)

    def report(self) -> None:
        """Say what was paid for, and who answered; exit with 1 after a failure."""
        if paid := self._paid():
            notes.print(f"Paid for in this run: {paid}.", style="dim", markup=False)
        for server in sorted(self._servers):
            is_sandbox = server.startswith("apertis-audio-sandbox")
            who = "the local sandbox, a stand-in for the service" if is_sandbox else server
            notes.print(f"Answered by {who}, at {self.url}", style="dim", markup=False)
        if self._failures:
            raise typer.Exit(_FAILED)

    def _count(self, usage: Usage | None) -> None:
        self._usages += [usage] if usage else []

    def _paid(self) -> str:
        counts = {
            "s of audio": sum(usage.seconds for usage in self._usages),
            "tokens sent": sum(usage.input_tokens for usage in self._usages),
            "tokens answered": sum(usage.output_tokens for usage in self._usages),
        }
        return ", ".join(f"{round(count, 1)} {unit}" for unit, count in counts.items() if count)


@contextlib.contextmanager
def session(*, sandbox: bool, keeps: bool = False) -> Iterator[Session]:
    """A session with the service, or with a sandbox started for it, whose answers are not kept."""
    with report_errors(), _retries_shown(), contextlib.ExitStack() as stack:
        if sandbox:
            from apertis_audio_tools.sandbox import Sandbox

            url: str | None = stack.enter_context(Sandbox())
        else:
            url = None
        cache = default_cache_setting() if keeps and not sandbox else False
        key = SANDBOX_KEY if sandbox else None
        audio = stack.enter_context(ApertisAudio(key, base_url=url, cache=cache))
        current = Session(audio, audio.base_url, keeps=open_cache(cache) is not None)
        yield current
        current.report()


@contextlib.contextmanager
def report_errors() -> Iterator[None]:
    """Errors that have a sentence for the user, without a traceback, and their exit codes."""
    try:
        yield
    except BrokenPipeError:  # the reader of a pipe went away, which click leaves quietly
        raise
    except (ApertisError, ImportError, OSError) as error:
        print_error(str(error))
        is_wrong_usage = isinstance(error, ConfigurationError | UnsupportedError)
        raise typer.Exit(_WRONG_USAGE if is_wrong_usage else _FAILED) from None
    except KeyboardInterrupt:
        print_error("Interrupted.")
        raise typer.Exit(_INTERRUPTED) from None


@contextlib.contextmanager
def _retries_shown() -> Iterator[None]:
    logger, handler = logging.getLogger("apertis_audio_tools"), _Notes()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def print_error(sentence: str) -> None:
    """One sentence on stderr."""
    notes.print("error:", style="red", end=" ")
    notes.print(sentence, markup=False)
