"""Threads that do what must not hold others up, for threads and for event loops that wait."""

import asyncio
import contextlib
import contextvars
import functools
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self, TypeVar

from anyio import CancelScope

from apertis_audio_tools.concurrency import fork_safety
from apertis_audio_tools.errors import ApertisError
from apertis_audio_tools.transport import CancelToken

R = TypeVar("R")


class WorkerPool:
    """Threads that send pieces; as a context manager it ends with all that they do.

    An interrupt ends their exchanges at once. After an error they finish what is paid for.
    """

    def __init__(self, size: int) -> None:
        self.cancel_token = CancelToken()
        self._size = size
        self._pool = ThreadPoolExecutor(size, "apertis-audio")
        fork_safety.renewed_in_children(self)

    def renew(self) -> object:
        """In a child of the process, which has none of the threads."""
        left, self._pool = self._pool, ThreadPoolExecutor(self._size, "apertis-audio")
        return left

    def submit(self, do: Callable[..., R], *args: Any) -> Future[R]:
        """Have a thread do it, with the context variables of this one.

        A pool starts no threads once the main thread has ended; then it is done here, at once.

        Raises:
            ApertisError: The system allows no further thread.
        """
        run = functools.partial(contextvars.copy_context().run, do, *args)
        try:
            return self._pool.submit(run)
        except RuntimeError as error:
            if threading.main_thread().is_alive():
                raise _threadless(error) from error
        return _done(run)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self.cancel_token:
            try:
                if kind is not None and not issubclass(kind, Exception):
                    self.cancel_token.cancel()
                self._pool.shutdown()
            except BaseException:
                self.cancel_token.cancel()
                raise


def _done(run: Callable[[], R]) -> Future[R]:
    future = Future[R]()
    try:
        future.set_result(run())
    except BaseException as error:  # noqa: BLE001  # whoever waits gets it
        future.set_exception(error)
    return future


def run_in_thread(do: Callable[..., R], *args: Any, **options: Any) -> asyncio.Future[R]:
    """What a thread of the event loop comes to, which has the context variables of this one.

    Raises:
        ApertisError: None can be started.
    """
    run = functools.partial(contextvars.copy_context().run, do, *args, **options)
    try:
        return asyncio.get_running_loop().run_in_executor(None, run)
    except RuntimeError as error:
        raise _threadless(error) from error


def _threadless(error: RuntimeError) -> ApertisError:
    if threading.main_thread().is_alive():
        return ApertisError(f"The system allows no further thread ({error}).")
    return ApertisError(
        "The program is ending, and an event loop gets no more threads: have the main thread wait"
        " for the one that the event loop runs in."
    )


async def run_in_thread_to_end(
    do: Callable[..., R], *args: Any, undo: Callable[[R], object] | None = None
) -> R:
    """Like `to_thread`, but whoever is cancelled waits: the thread still uses what it was given.

    Args:
        do: What the thread does.
        args: With these.
        undo: Takes back what came of it, when nobody waits for that any more.
    """
    thread = run_in_thread(do, *args)
    try:
        return await asyncio.shield(thread)
    except asyncio.CancelledError:
        with _shielded():
            while not thread.done():  # whoever is cancelled may be cancelled again
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait([thread])
        if undo and not thread.exception():
            undo(thread.result())
        raise


async def cancel_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait for their end."""
    pending = list(tasks)
    for task in pending:
        task.cancel()
    if pending:
        with _shielded():
            await asyncio.wait(pending)


def _shielded() -> CancelScope:
    """In here a cancelled scope of anyio does not cancel again at every step of the loop."""
    return CancelScope(shield=True)
