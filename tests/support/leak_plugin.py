"""A pytest plugin that fails a test if anything the program emits during it shows a key or audio.

It checks captured output (also output read with `capsys`), log records down to DEBUG, including
those of httpx, httpcore and asyncio, warnings, and the messages and notes of all errors of this
package. Each worker of a run checks its own tests.
"""

import contextlib
import logging
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from apertis_audio_tools import ApertisError
from support.leaks import LeakDetector, detector_for

LOGGERS = (
    "apertis_audio_tools",
    "asyncio",
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.proxy",
)
_OWN_LEVEL = logging.DEBUG - 1
"""A level that nobody else sets, which distinguishes our own setting from one made by a test."""
_FORMATTER = logging.Formatter()
_ALLOWED = "shows_keys"

CLIPS = Path(__file__).parents[1] / "clips"
LEAK_LOG = pytest.StashKey["LeakLog"]()


class LeakLog:
    """A log of the leaks found since it was last read."""

    def __init__(self, leaks: LeakDetector) -> None:
        self._leaks = leaks
        self._findings: list[str] = []

    def check(self, place: str, text: str) -> None:
        """Check a text that was emitted somewhere."""
        self._findings += [f"{leak} is seen in {place}" for leak in self._leaks.in_text(text)]

    def pop_findings(self) -> list[str]:
        """Return the leaks found, without duplicates, and clear the log."""
        findings, self._findings = sorted(set(self._findings)), []
        return findings


def pytest_configure(config: pytest.Config) -> None:
    """Start checking everything that is emitted."""
    config.addinivalue_line("markers", f"{_ALLOWED}: prints keys on purpose")
    log = config.stash[LEAK_LOG] = LeakLog(detector_for(CLIPS))
    stack = contextlib.ExitStack()
    stack.enter_context(_checked_errors(log))
    stack.enter_context(_checked_captures(log))
    stack.enter_context(_checked_logs(log))
    config.add_cleanup(stack.close)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Fail a test at its end if a leak was found."""
    report = yield
    if report.when == "teardown":
        log = item.config.stash[LEAK_LOG]
        for place, text in report.sections:
            log.check(place, text)
        findings = log.pop_findings()
        if findings and not item.get_closest_marker(_ALLOWED) and report.passed:
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid}: {'; '.join(findings)}."
    return report


@pytest.hookimpl
def pytest_warning_recorded(warning_message: Any) -> None:
    """Check the warnings that are recorded instead of raised as errors."""
    assert LeakDetector(()).in_text(str(warning_message.message)) == []


@contextlib.contextmanager
def _checked_errors(log: LeakLog) -> Iterator[None]:
    original_init, original_add_note = ApertisError.__init__, ApertisError.add_note

    def init(error: ApertisError, message: str, **fields: Any) -> None:
        log.check(f"the message of {type(error).__name__}", f"{message} {fields}")
        original_init(error, message, **fields)

    def add_note(error: ApertisError, note: str) -> None:
        log.check(f"a note of {type(error).__name__}", note)
        original_add_note(error, note)

    with (
        mock.patch.object(ApertisError, "__init__", init),
        mock.patch.object(ApertisError, "add_note", add_note),
    ):
        yield


@contextlib.contextmanager
def _checked_captures(log: LeakLog) -> Iterator[None]:
    read: Callable[..., Any] = pytest.CaptureFixture.readouterr

    def readouterr(capture: Any) -> Any:
        captured = read(capture)
        for name, text in zip(("stdout", "stderr"), captured, strict=True):
            shown = text if isinstance(text, str) else text.decode("utf-8", "replace")
            log.check(f"captured {name}", shown)
        return captured

    with mock.patch.object(pytest.CaptureFixture, "readouterr", readouterr):
        yield


@contextlib.contextmanager
def _checked_logs(log: LeakLog) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for name in LOGGERS:
            stack.enter_context(_checked_log(logging.getLogger(name), log))
        yield


@contextlib.contextmanager
def _checked_log(logger: logging.Logger, log: LeakLog) -> Iterator[None]:
    before = logger.level

    def check(record: logging.LogRecord) -> bool:
        log.check(f"a record of {logger.name}", _FORMATTER.format(record))
        level = before if logger.level == _OWN_LEVEL else logger.level
        parent = logger.parent.getEffectiveLevel() if logger.parent else logging.WARNING
        return record.levelno >= (level or parent)

    logger.setLevel(_OWN_LEVEL)
    has_key_filter = any(not callable(each) for each in logger.filters)  # removes keys first
    logger.filters.insert(int(has_key_filter), check)
    try:
        yield
    finally:
        logger.removeFilter(check)
        logger.setLevel(before)
