"""What every command shares: whom it asks, how it reports, how it fails."""

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

import typer
from rich.console import Console

from apertis_audio_tools.cache import unless_told
from apertis_audio_tools.client import ApertisAudio
from apertis_audio_tools.errors import ApertisError

SANDBOX_KEY = "sk-sandbox"
_INTERRUPTED = 130

notes = Console(stderr=True, soft_wrap=True, highlight=False)
"""Everything that is not the result: progress, who answered, what failed."""


class _Notes(logging.Handler):
    """Shows what the client says of its retries, so that a wait is never a riddle."""

    def emit(self, record: logging.LogRecord) -> None:
        notes.print(record.getMessage(), style="dim", markup=False)


@dataclass
class Session:
    """One run of a command against the service or a sandbox.

    Attributes:
        audio: The client.
        url: Whom it asks.
    """

    audio: ApertisAudio
    url: str
    _servers: set[str] = field(default_factory=set)
    _failures: int = 0

    def failed(self, name: str, error: ApertisError) -> None:
        """Report a failure in a sentence; the rest goes on."""
        self._failures += 1
        complain(f"{name}: {error}" if name not in str(error) else str(error))

    def saw(self, server: str | None) -> None:
        """Remember who answered."""
        self._servers.add(server or "a server that gives no name")

    def report(self) -> None:
        """Say who answered; exit with 1 after a failure."""
        for server in sorted(self._servers):
            is_sandbox = server.startswith("apertis-audio-sandbox")
            who = "the local sandbox, a stand-in for the service" if is_sandbox else server
            notes.print(f"Answered by {who}, at {self.url}", style="dim", markup=False)
        if self._failures:
            raise typer.Exit(1)


@contextlib.contextmanager
def session(*, sandbox: bool, cache: bool = True) -> Iterator[Session]:
    """A session with the service, or with a sandbox started for it, whose answers are not kept."""
    with failing_in_a_sentence(), _retries_shown(), contextlib.ExitStack() as stack:
        if sandbox:
            from apertis_audio_tools.sandbox import Sandbox

            url: str | None = stack.enter_context(Sandbox())
        else:
            url = None
        audio = stack.enter_context(
            ApertisAudio(
                SANDBOX_KEY if sandbox else None,
                base_url=url,
                cache=unless_told() if cache and not sandbox else False,
            )
        )
        current = Session(audio, audio.base_url)
        yield current
        current.report()


@contextlib.contextmanager
def failing_in_a_sentence() -> Iterator[None]:
    """Errors that have a sentence for the user, without a traceback; exit code 1."""
    try:
        yield
    except BrokenPipeError:  # the reader of a pipe went away, which click leaves quietly
        raise
    except (ApertisError, ImportError, OSError) as error:
        complain(str(error))
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        complain("Interrupted.")
        raise typer.Exit(_INTERRUPTED) from None


@contextlib.contextmanager
def _retries_shown() -> Iterator[None]:
    logger, handler = logging.getLogger("apertis_audio_tools"), _Notes(logging.INFO)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def complain(sentence: str) -> None:
    """One sentence on stderr."""
    notes.print("error:", style="red", end=" ")
    notes.print(sentence, markup=False)
