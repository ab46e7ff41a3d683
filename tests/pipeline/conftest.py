"""Fixtures of the tests of jobs: recordings in pieces, a sandbox, and a check for leftovers."""

import signal
import threading
from collections.abc import Callable, Iterator

import pytest

from apertis_audio_tools.concurrency.signals import StopEvent
from apertis_audio_tools.sandbox import Sandbox
from support.open_files import temporary_files
from support.piece_recogniser import ExpectedPieces
from support.standup_pieces import RefuseOnePiece, standup_pieces


@pytest.fixture(autouse=True)
def _no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APERTIS_AUDIO_CACHE", raising=False)


@pytest.fixture(scope="session")
def beacon_url() -> Iterator[str]:
    """Yield the base URL of a sandbox whose engine recognises only beacons."""
    with Sandbox(recogniser="beacon") as url:
        yield url


@pytest.fixture(name="cuts")
def _cuts() -> ExpectedPieces:
    return standup_pieces()


@pytest.fixture
def refuses_one(monkeypatch: pytest.MonkeyPatch) -> RefuseOnePiece:
    """Return a behaviour that refuses a piece, and responds to others once the client knows."""
    refuses_one, original_set = RefuseOnePiece(), StopEvent.set

    def set_and_note(self: StopEvent) -> None:
        original_set(self)
        refuses_one.is_noted.set()

    monkeypatch.setattr(StopEvent, "set", set_and_note)
    return refuses_one


@pytest.fixture(name="left_behind", autouse=True)
def _left_behind() -> Iterator[Callable[[], set[str]]]:
    """Yield a function that returns leftover threads and files; require none at the end."""
    before = temporary_files()

    def left() -> set[str]:
        names = {each.name for each in threading.enumerate()}
        threads = {name for name in names if name.startswith("apertis-audio")}
        return threads | (temporary_files() - before)

    yield left
    assert left() == set()


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let SIGINT interrupt also in a background process, where shells ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
