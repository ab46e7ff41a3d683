"""Serve the application on a loopback socket, in a thread or in the foreground."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Final, Literal

import uvicorn

from apertis_audio_tools.sandbox import tables
from apertis_audio_tools.sandbox.app import make_app
from apertis_audio_tools.sandbox.beacons import BeaconRecogniser
from apertis_audio_tools.sandbox.lifecycle import Lifecycle, RetiredStatus
from apertis_audio_tools.sandbox.recognition import Recogniser
from apertis_audio_tools.sandbox.whisper_recogniser import Whisper

HOST: Final = "127.0.0.1"
_GRACE_SECONDS: Final = 5

RecogniserName = Literal["whisper", "beacon"]
RECOGNISERS: Final[Mapping[str, Callable[[], Recogniser]]] = {
    "whisper": Whisper,
    "beacon": BeaconRecogniser,
}


class Sandbox:
    """A local stand-in for the Apertis Audio API, on the loopback interface only.

    `with Sandbox() as url:` serves from a background thread and returns the base URL, such as
    `http://127.0.0.1:40123/v1`. A sandbox may be entered again after it was left.

    Args:
        port: TCP port. Defaults to 0, which means any free port.
        recogniser: Speech recognition engine, or the name of one in `RECOGNISERS`. Defaults to
            whisper, for English.
        requests_per_minute: Number of requests each key may send to each model. Defaults to the
            limit of the service.
        today: Day on which the sandbox is: models that have retired by then are refused and not
            listed. Defaults to None, on which nothing has retired.
        retired_status: Status of the responses for retired models: 404 as the service, or 503 as
            gateways without a channel. Defaults to 404.

    Raises:
        ImportError: On entering, if ctranslate2 is needed and not installed.
        OSError: On entering, if the port is not free.
        ValueError: On entering, if no recogniser has the name.
    """

    def __init__(
        self,
        port: int = 0,
        recogniser: Recogniser | RecogniserName = "whisper",
        requests_per_minute: int = tables.REQUESTS_PER_MINUTE,
        *,
        today: date | None = None,
        retired_status: RetiredStatus = 404,
    ) -> None:
        self._port = port
        self._recogniser = recogniser
        self._requests_per_minute = requests_per_minute
        self._lifecycle = Lifecycle(today, retired_status)
        self._running = contextlib.ExitStack()

    def __enter__(self) -> str:
        with contextlib.ExitStack() as stack:
            listener = stack.enter_context(_listen(self._port))
            thread_ended = stack.enter_context(contextlib.ExitStack())
            recogniser = stack.enter_context(_open_recogniser(self._recogniser))
            server = _make_server(recogniser, self._requests_per_minute, self._lifecycle)
            thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
            thread.start()
            thread_ended.callback(thread.join)
            stack.callback(setattr, server, "should_exit", True)  # noqa: FBT003
            self._running = stack.pop_all()
        return _url(listener)

    def __exit__(self, *_: object) -> None:
        self._running.close()


def serve(
    port: int = 8000,
    recogniser: Recogniser | RecogniserName = "whisper",
    requests_per_minute: int = tables.REQUESTS_PER_MINUTE,
    on_ready: Callable[[str], object] | None = None,
    *,
    today: date | None = None,
    retired_status: RetiredStatus = 404,
) -> None:
    """Serve in the foreground until the process is interrupted.

    Args:
        port: TCP port; 0 means any free port. Defaults to 8000.
        recogniser: Speech recogniser. See `Sandbox`, also for the errors.
        requests_per_minute: Rate limit. See `Sandbox`.
        on_ready: Function called with the base URL as soon as requests are accepted.
        today: Day on which the sandbox is. See `Sandbox`.
        retired_status: Status for retired models. See `Sandbox`.
    """
    with _open_recogniser(recogniser) as opened, _listen(port) as listener:
        if on_ready is not None:
            on_ready(_url(listener))
        with contextlib.suppress(KeyboardInterrupt):
            lifecycle = Lifecycle(today, retired_status)
            _make_server(opened, requests_per_minute, lifecycle).run([listener])


@contextlib.contextmanager
def _open_recogniser(recogniser: Recogniser | RecogniserName) -> Iterator[Recogniser]:
    """Yield the given recogniser, which its owner closes, or make a named one and close it."""
    if not isinstance(recogniser, str):
        yield recogniser
        return
    if recogniser not in RECOGNISERS:
        raise ValueError(f"There is no recogniser {recogniser!r}, only: {', '.join(RECOGNISERS)}.")
    made = RECOGNISERS[recogniser]()
    try:
        yield made
    finally:
        if isinstance(made, Whisper):
            made.close()


def _make_server(
    recogniser: Recogniser, requests_per_minute: int, lifecycle: Lifecycle
) -> uvicorn.Server:
    config = uvicorn.Config(
        make_app(recogniser, requests_per_minute, lifecycle),
        http="h11",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        headers=[("server", "apertis-audio-sandbox")],
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    return uvicorn.Server(config)


def _listen(port: int) -> socket.socket:
    """Return a listening socket; connections made from now on are served once the server runs."""
    try:
        listener = socket.create_server((HOST, port))
    except OSError as error:
        raise OSError(
            f"Port {port} of {HOST} is not free: choose another one, or 0 for any free port."
        ) from error
    # Accepted connections inherit TCP_NODELAY. Without it, each response body waits 40 ms for the
    # acknowledgement of its head: asyncio sets the option only on sockets made with IPPROTO_TCP.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _url(listener: socket.socket) -> str:
    return f"http://{HOST}:{listener.getsockname()[1]}/v1"
