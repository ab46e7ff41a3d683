"""A pytest plugin: a test fails when anything it makes the program say shows a key or audio.

Looked at are what is printed (also what a test takes with `capsys`), what is logged, down to DEBUG
and in the words of httpx, httpcore and asyncio, warnings, and the messages and notes of all errors
of this package. Each worker of a run looks at its own tests.
"""

import contextlib
import logging
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from apertis_audio_tools import ApertisError
from support.leaks import Leaks, leaks_of

LOGGERS = (
    "apertis_audio_tools",
    "asyncio",
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.proxy",
)
_OURS = logging.DEBUG - 1
"""A level that nobody else sets: records below what the test asked for go no further."""
_WRITTEN = logging.Formatter()
_DELIBERATE = "shows_keys"

CLIPS = Path(__file__).parents[1] / "clips"
WATCH = pytest.StashKey["Watch"]()


class Watch:
    """What has been seen since somebody asked."""

    def __init__(self, leaks: Leaks) -> None:
        self._leaks = leaks
        self._seen: list[str] = []

    def look(self, place: str, text: str) -> None:
        """Look at a text that was emitted somewhere."""
        self._seen += [f"{leak} is seen in {place}" for leak in self._leaks.in_text(text)]

    def taken(self) -> list[str]:
        """What was seen, once."""
        seen, self._seen = sorted(set(self._seen)), []
        return seen


def pytest_configure(config: pytest.Config) -> None:
    """Begin to watch."""
    config.addinivalue_line("markers", f"{_DELIBERATE}: prints keys on purpose")
    watch = config.stash[WATCH] = Watch(leaks_of(CLIPS))
    stack = contextlib.ExitStack()
    stack.enter_context(_watched_errors(watch))
    stack.enter_context(_watched_captures(watch))
    stack.enter_context(_watched_logs(watch))
    config.add_cleanup(stack.close)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Fail a test at its end, if something was seen."""
    report = yield
    if report.when == "teardown":
        watch = item.config.stash[WATCH]
        for place, text in report.sections:
            watch.look(place, text)
        seen = watch.taken()
        if seen and not item.get_closest_marker(_DELIBERATE) and report.passed:
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid}: {'; '.join(seen)}."
    return report


@pytest.hookimpl
def pytest_warning_recorded(warning_message: Any) -> None:
    """Warnings are errors in this project; what is one all the same has to be looked at."""
    assert Leaks(()).in_text(str(warning_message.message)) == []


@contextlib.contextmanager
def _watched_errors(watch: Watch) -> Iterator[None]:
    made, noted = ApertisError.__init__, ApertisError.add_note

    def init(error: ApertisError, message: str, **fields: Any) -> None:
        watch.look(f"the message of {type(error).__name__}", f"{message} {fields}")
        made(error, message, **fields)

    def add_note(error: ApertisError, note: str) -> None:
        watch.look(f"a note of {type(error).__name__}", note)
        noted(error, note)

    with (
        mock.patch.object(ApertisError, "__init__", init),
        mock.patch.object(ApertisError, "add_note", add_note),
    ):
        yield


@contextlib.contextmanager
def _watched_captures(watch: Watch) -> Iterator[None]:
    read: Callable[..., Any] = pytest.CaptureFixture.readouterr

    def readouterr(capture: Any) -> Any:
        captured = read(capture)
        for name, text in zip(("stdout", "stderr"), captured, strict=True):
            shown = text if isinstance(text, str) else text.decode("utf-8", "replace")
            watch.look(f"captured {name}", shown)
        return captured

    with mock.patch.object(pytest.CaptureFixture, "readouterr", readouterr):
        yield


@contextlib.contextmanager
def _watched_logs(watch: Watch) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for name in LOGGERS:
            stack.enter_context(_watched_log(logging.getLogger(name), watch))
        yield


@contextlib.contextmanager
def _watched_log(logger: logging.Logger, watch: Watch) -> Iterator[None]:
    before = logger.level

    def look(record: logging.LogRecord) -> bool:
        watch.look(f"a record of {logger.name}", _WRITTEN.format(record))
        asked = before if logger.level == _OURS else logger.level
        parent = logger.parent.getEffectiveLevel() if logger.parent else logging.WARNING
        return record.levelno >= (asked or parent)

    logger.setLevel(_OURS)
    logger.filters.insert(0, look)
    try:
        yield
    finally:
        logger.removeFilter(look)
        logger.setLevel(before)
