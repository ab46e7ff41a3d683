"""Host name lookups with a time limit, which the system's resolver does not offer."""

import socket
import threading
from concurrent.futures import Future

import httpcore

_Address = tuple[str, int]
_NUMERIC = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV


class HostResolver:
    """Resolver with one lookup at a time for each host, so that slow lookups do not pile up.

    A lookup cannot be stopped. After a timeout it goes on in a daemon thread, which does not keep
    the program from ending.
    """

    def __init__(self) -> None:
        self._lookups: dict[_Address, Future[list[str]]] = {}
        self._lock = threading.Lock()

    def addresses(self, host: str, port: int, timeout: float | None) -> list[str]:
        """Return the numeric addresses of a host, at least one.

        Raises:
            httpcore.ConnectError: If the host is unknown, or no thread can be started.
            httpcore.ConnectTimeout: If the lookup takes longer than `timeout` seconds.
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

    def _lookup(self, address: _Address) -> Future[list[str]]:
        with self._lock:
            if lookup := self._lookups.get(address):
                return lookup
            lookup = Future()
            thread = threading.Thread(
                target=self._run, args=(address, lookup), name="apertis-audio-lookup", daemon=True
            )
            thread.start()  # if this fails, there is nothing to wait for
            self._lookups[address] = lookup
            return lookup

    def _run(self, address: _Address, lookup: Future[list[str]]) -> None:
        try:
            result: list[str] | Exception = _resolve(*address)
        except Exception as error:  # noqa: BLE001  # raised in the threads that wait
            result = error
        with self._lock:
            self._lookups.pop(address, None)  # absent after an interrupt in `_lookup`
        if isinstance(result, Exception):
            lookup.set_exception(result)
        else:
            lookup.set_result(result)


def _is_numeric(host: str) -> bool:
    try:
        socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return False
    return True


def _resolve(host: str, port: int) -> list[str]:
    """Return addresses in the order that the system prefers."""
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [socket.getnameinfo(entry[-1], _NUMERIC)[0] for entry in entries]
