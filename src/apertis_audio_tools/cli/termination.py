"""Signals that end the command."""

import signal
import threading
from types import FrameType


def exit_on_signals() -> None:
    """Let SIGTERM and SIGHUP raise `SystemExit`, so that drafts of files are deleted.

    A signal that is ignored, for example by nohup, stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP.
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _exit)


def _exit(number: int, _frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)  # The next one ends the command at once.
    raise SystemExit(128 + number)
