"""Errors of connections become errors of the package, whose frames show no secrets."""

import asyncio
import contextlib
import io
import re
import traceback
from collections.abc import Callable

import pytest
from pydantic import SecretStr

from apertis_audio_tools import APIConnectionError, APIError
from apertis_audio_tools.api.request import Request, RequestBody, Upload
from apertis_audio_tools.transport.cancellation import CancelToken
from apertis_audio_tools.transport.http import Transport
from support.loopback_server import Behaviour, LoopbackServer
from support.scripted_responses import (
    reset_connection,
    respond_error,
    send_raw,
    stay_silent,
    stop_reading,
)
from support.timeouts import TIMEOUT

KEY, AUDIO = "key-of-a-test", b"audio of a test "
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: 999\r\n\r\n"
SECRETS = re.compile(f"{KEY}|{AUDIO.decode()}")
REQUEST = Request("POST", "/chat/completions", RequestBody("text/plain", (AUDIO * 500_000,)))

SENDS: dict[str, Callable[[Transport, float], object]] = {
    "sync": lambda transport, seconds: transport.send(REQUEST, seconds),
    "async": lambda transport, seconds: asyncio.run(transport.asend(REQUEST, seconds)),
}
FAILURES: dict[str, tuple[Behaviour, float]] = {
    "refused": (respond_error(401, "invalid_api_key"), TIMEOUT),
    "reset in the upload": (reset_connection(before=20_000), TIMEOUT),
    "reset": (reset_connection(), TIMEOUT),
    "no HTTP": (send_raw(b"?\r\n\r\n"), TIMEOUT),
    "broken off": (send_raw(HEAD), TIMEOUT),
    "unread": (stop_reading(), 0.3),
    "silent": (stay_silent(), 0.3),
    "silent in the body": (stay_silent(HEAD), 0.3),
}


def functions_with_secrets(found: BaseException | None) -> list[str]:
    """Return the functions whose variables an error shows, as do all that led to it."""
    shown = []
    while found is not None:
        shown += [
            frame.f_code.co_qualname
            for frame, _ in traceback.walk_tb(found.__traceback__)
            if frame.f_code.co_filename != __file__ and SECRETS.search(repr(frame.f_locals))
        ]
        found = found.__cause__ or found.__context__
    return shown


@pytest.mark.parametrize("send", SENDS.values(), ids=SENDS)
@pytest.mark.parametrize("failure", FAILURES)
def test_frames(send: Callable[[Transport, float], object], failure: str) -> None:
    """The frames of an error, those of httpx and httpcore included, show neither key nor body."""
    behaviour, seconds = FAILURES[failure]
    with (
        LoopbackServer([behaviour]) as server,
        contextlib.closing(Transport(server.url, SecretStr(KEY), TIMEOUT)) as transport,
    ):
        with pytest.raises(APIError) as caught:
            send(transport, seconds)
        assert functions_with_secrets(caught.value) == []


def test_frames_of_a_cancelled_upload() -> None:
    """The frames of a cancelled upload show neither key nor body."""
    token = CancelToken()

    class Recording(io.BytesIO):
        """Recording that is cancelled when its first bytes are read."""

        def read(self, size: int | None = -1) -> bytes:
            token.cancel()
            return super().read(size)

    size = len(AUDIO * 1000)
    upload = Upload("a.wav", "audio/wav", size, lambda: Recording(AUDIO * 1000))
    request = Request("POST", "/audio/transcriptions", RequestBody("audio/wav", (upload,)))
    with (
        LoopbackServer([respond_error(500)]) as server,
        contextlib.closing(Transport(server.url, SecretStr(KEY), TIMEOUT)) as transport,
        token.scope(),
    ):
        with pytest.raises(APIConnectionError, match="cancelled") as caught:
            transport.send(request, TIMEOUT)
        assert functions_with_secrets(caught.value) == []
