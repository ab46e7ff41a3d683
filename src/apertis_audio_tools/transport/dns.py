"""Names looked up within a time: the system's resolver knows no limit of ours."""

import socket
import threading
from concurrent.futures import Future

import httpcore

_Key = tuple[str, int]
_NUMERIC = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV


class HostResolver:
    """One at a time for each name, however many ask, so that a slow one leaves no crowd behind.

    Nothing can stop a lookup: who has no more time leaves it to end by itself, in a thread that
    keeps no program from ending.
    """

    def __init__(self) -> None:
        self._running: dict[_Key, Future[list[str]]] = {}
        self._lock = threading.Lock()

    def addresses(self, host: str, port: int, timeout: float | None) -> list[str]:
        """The numeric addresses of a host, at least one.

        Raises:
            httpcore.ConnectError: The name is not known, or there is no thread to look it up.
            httpcore.ConnectTimeout: The answer takes longer than `timeout` seconds.
        """
        if _is_numeric(host):
            return [host]
        try:
            lookup = self._lookup((host, port))
        except RuntimeError as error:
            raise httpcore.ConnectError(f"looking up {host}: {error}") from error
        try:
            return lookup.result(timeout)
        except TimeoutError:
            raise httpcore.ConnectTimeout(f"looking up {host} takes too long") from None
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(str(error)) from error

    def _lookup(self, key: _Key) -> Future[list[str]]:
        with self._lock:
            if lookup := self._running.get(key):
                return lookup
            lookup = Future()
            thread = threading.Thread(
                target=self._look_up, args=(key, lookup), name="apertis-audio-lookup", daemon=True
            )
            thread.start()  # which may fail, and then there is nothing to wait for
            self._running[key] = lookup
            return lookup

    def _look_up(self, key: _Key, lookup: Future[list[str]]) -> None:
        try:
            found: list[str] | Exception = _found(*key)
        except Exception as error:  # noqa: BLE001  # whoever asked gets it
            found = error
        with self._lock:
            self._running.pop(key, None)  # an interrupt may have come before it was entered
        if isinstance(found, Exception):
            lookup.set_exception(found)
        else:
            lookup.set_result(found)


def _is_numeric(host: str) -> bool:
    try:
        socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return False
    return True


def _found(host: str, port: int) -> list[str]:
    """In the order of the system's preference."""
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [socket.getnameinfo(entry[-1], _NUMERIC)[0] for entry in entries]
