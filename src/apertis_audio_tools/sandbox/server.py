"""The application behind a loopback socket: in a thread of its own, or in the foreground."""

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Final

import uvicorn

from apertis_audio_tools.sandbox import tables
from apertis_audio_tools.sandbox.app import application
from apertis_audio_tools.sandbox.engines import EngineName, engine
from apertis_audio_tools.sandbox.recognition import Recogniser

HOST: Final = "127.0.0.1"
_GRACE_SECONDS: Final = 5


class Sandbox:
    """A local stand-in of the Apertis Audio API, on the loopback interface only.

    `with Sandbox() as url:` serves from a background thread and gives the base URL, such as
    `http://127.0.0.1:40123/v1`. It may be entered again after it was left.

    Args:
        port: The TCP port; 0 takes any that is free.
        recogniser: The speech recognition engine, or the name of one in `ENGINES` (default:
            pocketsphinx, English).
        requests_per_minute: How many requests each key may send to each model.

    Raises:
        ImportError: On entering, when there is neither pocketsphinx nor another recogniser.
        OSError: On entering, when the port is not free.
        ValueError: On entering, when no engine has the name.
    """

    def __init__(
        self,
        port: int = 0,
        recogniser: Recogniser | EngineName = "pocketsphinx",
        requests_per_minute: int = tables.REQUESTS_PER_MINUTE,
    ) -> None:
        self._port = port
        self._recogniser = recogniser
        self._requests_per_minute = requests_per_minute
        self._running = contextlib.ExitStack()

    def __enter__(self) -> str:
        with contextlib.ExitStack() as stack:
            bound = stack.enter_context(_bound(self._port))
            thread_ended = stack.enter_context(contextlib.ExitStack())
            recogniser = stack.enter_context(engine(self._recogniser))
            server = _Server(recogniser, self._requests_per_minute)
            thread = threading.Thread(target=server.run, args=([bound],), daemon=True)
            thread.start()
            thread_ended.callback(thread.join)
            stack.callback(server.stop)
            self._running = stack.pop_all()
        return _url(bound)

    def __exit__(self, *_: object) -> None:
        self._running.close()


def serve(
    port: int = 8000,
    recogniser: Recogniser | EngineName = "pocketsphinx",
    requests_per_minute: int = tables.REQUESTS_PER_MINUTE,
    on_ready: Callable[[str], object] | None = None,
) -> None:
    """Serve in the foreground until the process is interrupted.

    Args:
        port: The TCP port; 0 takes any that is free.
        recogniser: The speech recognition engine, or the name of one in `ENGINES` (default:
            pocketsphinx, English).
        requests_per_minute: How many requests each key may send to each model.
        on_ready: Called once with the base URL, as soon as requests are accepted.

    Raises:
        ImportError: There is neither pocketsphinx nor another recogniser.
        OSError: The port is not free.
        ValueError: No engine has the name.
    """
    with engine(recogniser) as chosen, _bound(port) as bound:
        if on_ready is not None:
            on_ready(_url(bound))
        with contextlib.suppress(KeyboardInterrupt):
            _Server(chosen, requests_per_minute).run([bound])


class _Server(uvicorn.Server):
    def __init__(self, recogniser: Recogniser, requests_per_minute: int) -> None:
        super().__init__(
            uvicorn.Config(
                application(recogniser, requests_per_minute),
                http="h11",
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                headers=[("server", "apertis-audio-sandbox")],
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )

    def stop(self) -> None:
        self.should_exit = True


def _bound(port: int) -> socket.socket:
    """A listening socket: whoever connects from now on is served, at the latest when we run."""
    try:
        bound = socket.create_server((HOST, port))
    except OSError as error:
        raise OSError(
            f"Port {port} of {HOST} is not free: take another, or 0 for any that is."
        ) from error
    # Its connections have it too. Otherwise each answer's body waits 40 ms for its head to be
    # acknowledged: asyncio spares that only sockets that were made with the number of TCP.
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return bound


def _url(bound: socket.socket) -> str:
    return f"http://{HOST}:{bound.getsockname()[1]}/v1"
