"""The parts that commands share: the client, notes on standard error, and exit codes."""

import contextlib
import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.text import Text

from apertis_audio_tools.cli.terminal import escape_controls
from apertis_audio_tools.errors import (
    ApertisError,
    BudgetExceededError,
    ConfigurationError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from apertis_audio_tools.client import ApertisAudio
    from apertis_audio_tools.results import TotalUsage

_SANDBOX_KEY = "sk-sandbox"
_SHOWN_DOLLARS = 0.001
_FAILED, _WRONG_USAGE, _INTERRUPTED = 1, 2, 130

err_console: Console = Console(stderr=True, soft_wrap=True, highlight=False)
"""Console for everything but results: progress, retries, usage, errors."""


class _RetryNotes(logging.Handler):
    """Log handler that shows the client's retries.

    Many requests often fail for the same reason at once. Only the first is shown until its wait is
    over.
    """

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._shown_until: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        reason, wait = getattr(record, "why", ""), getattr(record, "wait", 0.0)
        if record.levelno == logging.INFO and not reason:  # such as the model that was chosen
            return
        if reason and record.created < self._shown_until.get(reason, 0.0):
            return
        self._shown_until[reason] = record.created + wait
        print_note(record.getMessage())


@dataclass
class CommandSession:
    """One run of a command against the service or a sandbox.

    Attributes:
        client: Client of the command.
        is_caching: True if transcripts are cached.
    """

    client: "ApertisAudio"
    is_caching: bool
    _servers: set[str] = field(default_factory=set)
    _failures: int = 0

    def report_failure(self, name: str, error: ApertisError) -> None:
        """Print the error of a recording; the other recordings continue."""
        self._failures += 1
        print_error(f"{name}: {error}" if name not in str(error) else str(error))
        if error.partial:
            self.note_cached_pieces()

    @contextlib.contextmanager
    def reporting_exceeded_budget(self) -> Iterator[None]:
        """Print that a limit ended the run, which then ends like one with failures."""
        try:
            yield
        except BudgetExceededError as error:
            self.report_failure("", error)

    def note_cached_pieces(self) -> None:
        """Print that another run sends only the missing pieces, if that is so."""
        if self.is_caching:
            err_console.print("Finished pieces are cached: the same command sends only the rest.")

    def note_missing_times(self, model: str) -> None:
        """Print, before anything is paid for, that a model returns no times."""
        if not self.client.gives_times(model, "transcribe"):
            print_note(
                f"{model} is not known to return times: they are estimated from the words and the "
                "pauses, and may be wrong by a second or more.",
                style="",
            )

    def record_response(self, server: str | None) -> None:
        """Record the server of a response."""
        self._servers.add(server or "a server without a name")

    def finish(self) -> None:
        """Print the usage and the servers; exit with 1 after a failure."""
        if usage := _format_usage(self.client.total_usage):
            print_note(f"Used in this run: {usage}.")
        for server in sorted(self._servers):
            is_sandbox = server.startswith("apertis-audio-sandbox")
            name = "the local sandbox, a stand-in for the service" if is_sandbox else server
            print_note(f"Answered by {name}, at {self.client.base_url}")
        if self._failures:
            raise typer.Exit(_FAILED)


def _format_usage(used: "TotalUsage") -> str:
    """Return what a run has used and cost, or an empty text if it was nothing."""
    counts = {
        "s of audio": used.seconds,
        "input tokens": used.input_tokens,
        "output tokens": used.output_tokens,
    }
    parts = [f"{round(count, 1)} {unit}" for unit, count in counts.items() if count]
    if used.cost:
        is_reported = used.reported_cost == used.cost
        origin = "as reported by the service" if is_reported else "by the known prices"
        parts.append(f"{format_dollars(used.cost)} {origin}")
    if used.unpriced_requests:
        noun = "request" if used.unpriced_requests == 1 else "requests"
        parts.append(f"{used.unpriced_requests} {noun} of unknown cost")
    return ", ".join(parts)


def format_dollars(dollars: float) -> str:
    """Return dollars with four digits after the point, or two digits that count."""
    return f"${dollars:.4f}" if dollars >= _SHOWN_DOLLARS else f"${dollars:.2g}"


@contextlib.contextmanager
def open_session(
    *,
    sandbox: bool,
    use_cache: bool = False,
    max_cost: float | None = None,
    max_audio_seconds: float | None = None,
) -> Iterator[CommandSession]:
    """Yield a session with the service, or with a new sandbox, whose transcripts are not cached.

    `max_cost` (dollars) and `max_audio_seconds` limit the session as a whole.
    """
    with report_errors(), _show_retries(), contextlib.ExitStack() as stack:
        from apertis_audio_tools.client import ApertisAudio
        from apertis_audio_tools.pipeline.cache import default_cache_setting, open_cache

        key = base_url = None
        cache = default_cache_setting() if use_cache and not sandbox else False
        if sandbox:
            from apertis_audio_tools.sandbox import Sandbox

            key, base_url = _SANDBOX_KEY, stack.enter_context(Sandbox())
        client = stack.enter_context(
            ApertisAudio(
                key,
                base_url=base_url,
                cache=cache,
                max_cost=max_cost,
                max_audio_seconds=max_audio_seconds,
            )
        )
        session = CommandSession(client, is_caching=open_cache(cache) is not None)
        yield session
        session.finish()


@contextlib.contextmanager
def report_errors() -> Iterator[None]:
    """Print expected errors without a traceback, and exit with their exit codes."""
    try:
        yield
    except BrokenPipeError:  # click exits silently when the reader of a pipe has gone
        raise
    except (ApertisError, ImportError, OSError) as error:
        print_error(str(error))
        is_wrong_usage = isinstance(error, ConfigurationError | UnsupportedError)
        raise typer.Exit(_WRONG_USAGE if is_wrong_usage else _FAILED) from None
    except KeyboardInterrupt:
        print_error("Interrupted.")
        raise typer.Exit(_INTERRUPTED) from None


@contextlib.contextmanager
def _show_retries() -> Iterator[None]:
    logger, handler = logging.getLogger("apertis_audio_tools"), _RetryNotes()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def refuse_hidden_options(arguments: Sequence[str]) -> None:
    """Exit if an option has control characters, which typer's own errors would show unescaped.

    A file may have the name of an option, and a shell may insert it for a pattern.
    """
    for argument in arguments if err_console.is_terminal else ():
        if argument.startswith("-") and (shown := escape_controls(argument)) != argument:
            print_error(f"The option {shown} has control characters; begin file names with ./")
            sys.exit(_WRONG_USAGE)


def print_error(message: str) -> None:
    """Print an error message on standard error."""
    # In a single call: a live progress bar is redrawn after each.
    err_console.print(Text.assemble(("error:", "red"), " ", _shown(message)))


def print_note(message: str, style: str = "dim") -> None:
    """Print a note on standard error."""
    err_console.print(_shown(message), style=style, markup=False)


def _shown(text: str) -> str:
    """Return a text as a terminal may show it; files and pipes get it unchanged."""
    return escape_controls(text) if err_console.is_terminal else text
