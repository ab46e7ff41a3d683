"""What tests of jobs share: how the stand-up is cut, and that nothing is left of any job."""

import signal
import threading
from collections.abc import Callable, Iterator

import pytest

from apertis_audio_tools.concurrency.signals import StopEvent
from support.piece_recogniser import Cuts
from support.standup_pieces import RefusesOne, standup, temporary_files


@pytest.fixture(autouse=True)
def _no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APERTIS_AUDIO_CACHE", raising=False)


@pytest.fixture(name="cuts")
def _cuts() -> Cuts:
    return standup()


@pytest.fixture
def refuses_one(monkeypatch: pytest.MonkeyPatch) -> RefusesOne:
    """Refuses a piece, and answers those under way once the client has noted it."""
    refuses_one, halt = RefusesOne(), StopEvent.set

    def noted(self: StopEvent) -> None:
        halt(self)
        refuses_one.is_noted.set()

    monkeypatch.setattr(StopEvent, "set", noted)
    return refuses_one


@pytest.fixture(name="left_behind", autouse=True)
def _left_behind() -> Iterator[Callable[[], set[str]]]:
    """What a job that has ended still holds, which at the end of each test has to be nothing."""
    before = temporary_files()

    def left() -> set[str]:
        names = {each.name for each in threading.enumerate()}
        threads = {name for name in names if name.startswith("apertis-audio")}
        return threads | (temporary_files() - before)

    yield left
    assert left() == set()


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C interrupts, also in the background of a shell, which has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
