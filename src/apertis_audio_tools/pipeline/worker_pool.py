"""Threads for work that must not block others, for callers in threads and in event loops."""

import asyncio
import contextlib
import contextvars
import functools
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, Self, TypeVar, TypeVarTuple

from anyio import CancelScope

from apertis_audio_tools.concurrency.fork_safety import ProcessLocal
from apertis_audio_tools.errors import ApertisError
from apertis_audio_tools.transport.cancellation import CancelToken

P = ParamSpec("P")
R = TypeVar("R")
Ts = TypeVarTuple("Ts")


class WorkerPool:
    """Threads that send pieces, and end with the context of this context manager.

    After an interrupt the exchanges in the scope of `cancel_token` are cancelled. After an error
    they are finished, because they are paid for.
    """

    def __init__(self, size: int) -> None:
        self.cancel_token: CancelToken = CancelToken()
        self._is_used = False
        self._executor = ProcessLocal(functools.partial(ThreadPoolExecutor, size, "apertis-audio"))

    def submit(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Call a function in a thread, with the context variables of this one.

        Once the main thread has ended, an executor starts no thread; the call is then made here.
        """
        call = functools.partial(contextvars.copy_context().run, function, *args, **kwargs)
        try:
            self._is_used = True
            return self._executor.value.submit(call)
        except RuntimeError as error:
            if threading.main_thread().is_alive():
                raise _no_thread_error(error) from error
        return _completed(call)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is not None and not issubclass(kind, Exception):
                self.cancel_token.cancel()
            if self._is_used:
                self._executor.value.shutdown()
        except BaseException:
            self.cancel_token.cancel()
            raise


def _completed(call: Callable[[], R]) -> Future[R]:
    future = Future[R]()
    try:
        future.set_result(call())
    except BaseException as error:  # noqa: BLE001  # raised by `Future.result`
        future.set_exception(error)
    return future


def run_in_thread(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[R]:
    """Call a function in a thread of the event loop, with the context variables of this task."""
    call = functools.partial(contextvars.copy_context().run, function, *args, **kwargs)
    try:
        return asyncio.get_running_loop().run_in_executor(None, call)
    except RuntimeError as error:
        raise _no_thread_error(error) from error


def _no_thread_error(error: RuntimeError) -> ApertisError:
    if threading.main_thread().is_alive():
        return ApertisError(f"The system allows no further thread ({error}).")
    return ApertisError(
        "The program is ending, and event loops get no further threads: let the main thread wait"
        " for the thread that runs the event loop."
    )


async def run_in_thread_to_end(
    function: Callable[[*Ts], R], *args: *Ts, undo: Callable[[R], object] | None = None
) -> R:
    """Call a function in a thread, and wait for its end even if the task is cancelled.

    The thread still uses its arguments, such as open files, which the caller may be about to close.
    If the task was cancelled, `undo` is called with the result.
    """
    thread = run_in_thread(function, *args)
    try:
        return await asyncio.shield(thread)
    except asyncio.CancelledError:
        with CancelScope(shield=True):  # else anyio cancels at every step of the event loop
            while not thread.done():  # a cancelled task may be cancelled again
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait([thread])
        if undo and not thread.exception():
            undo(thread.result())
        raise


async def cancel_tasks(tasks: Iterable[asyncio.Task[R]]) -> None:
    """Cancel tasks and wait for their end."""
    pending = list(tasks)
    for task in pending:
        task.cancel()
    if pending:
        with CancelScope(shield=True):
            await asyncio.wait(pending)
