"""Requests with unusual servers, networks and time limits."""

import asyncio
import contextlib
import io
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from apertis_audio_tools import (
    ApertisAudio,
    APIConnectionError,
    APITimeoutError,
    MalformedResponseError,
)
from apertis_audio_tools.api.call import Call
from apertis_audio_tools.api.request import Request, RequestBody, Upload
from apertis_audio_tools.api.response import Response
from apertis_audio_tools.pipeline.request_runner import RequestRunner
from apertis_audio_tools.transport.http import Transport
from apertis_audio_tools.transport.retry import RetryPolicy
from support.fake_clock import FakeClock
from support.loopback_server import LoopbackServer, unused_port
from support.scripted_responses import respond, respond_json, stop_reading
from support.sync_async import Run
from support.timeouts import TIMEOUT
from support.wav_files import silent_wav

MODELS = respond_json({"data": [{"id": "whisper-1"}]})


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip"])
def test_content_encodings(run: Run, encoding: str) -> None:
    """Encodings that were not requested are refused: some expand without bound in one step."""
    with (
        LoopbackServer([respond(200, b"tiny", content_encoding=encoding)]) as server,
        server.client() as audio,
        pytest.raises(MalformedResponseError, match="encoding"),
    ):
        run(audio, "models")


@pytest.mark.parametrize(
    ("verb", "arguments", "options", "limit"),
    [
        ("models", [], {}, 8 << 20),
        ("transcribe", [("a.wav", silent_wav(4000))], {"response_format": "verbose_json"}, 8 << 20),
        ("transcribe", [("a.wav", silent_wav(4000))], {"response_format": "srt"}, 4 << 20),
    ],
    ids=["models", "json", "srt"],
)
def test_size_limits(
    run: Run, verb: str, arguments: list[Any], options: dict[str, Any], limit: int
) -> None:
    """Transcripts and lists are refused when they are larger than any real one."""
    with (
        LoopbackServer([respond(200, b" " * (limit + 1))]) as server,
        server.client() as audio,
        pytest.raises(MalformedResponseError, match=f"larger than {limit} bytes"),
    ):
        run(audio, verb, *arguments, **options)


def test_size_of_speech(run: Run) -> None:
    """Speech may be larger than other responses."""
    with (
        LoopbackServer([respond(200, bytes(20 << 20), "audio/pcm")]) as server,
        server.client() as audio,
    ):
        chunks = run(audio, "stream_speech", "Hello.", response_format="pcm")
    assert sum(map(len, chunks)) == 20 << 20


def test_infinite_time_limits(run: Run) -> None:
    """Timeout and deadline may be infinite."""
    forever = float("inf")
    with (
        LoopbackServer([MODELS]) as server,
        server.client(timeout=forever, deadline=forever) as audio,
    ):
        assert run(audio, "models") == ("whisper-1",)


def test_connection_refused(run: Run) -> None:
    """A refused connection is retried; the error names host and port, and not the API key."""
    clock = FakeClock()
    with unused_port() as port:
        address = f"127.0.0.1:{port}"
        options: dict[str, Any] = {"base_url": f"http://{address}/v1", "max_retries": 2}
        with (
            ApertisAudio("key-of-a-test", clock=clock, **options) as audio,
            pytest.raises(APIConnectionError, match=f"connection to {address} ") as caught,
        ):
            run(audio, "models")
    assert "key-of-a-test" not in str(caught.value)
    assert len(clock.sleeps) == 2


SEND: dict[str, Callable[[RequestRunner, Call[Response]], Response]] = {
    "sync": lambda runner, call: runner.run(call),
    "async": lambda runner, call: asyncio.run(runner.arun(call)),
}


@pytest.mark.parametrize("send", SEND.values(), ids=SEND)
def test_files_are_closed(send: Callable[[RequestRunner, Call[Response]], Response]) -> None:
    """An error that is kept does not keep the recording open.

    On a busy machine a deadline may be over before it is opened; then a longer one is.
    """
    opened: list[io.BytesIO] = []

    def opens() -> io.BytesIO:
        opened.append(io.BytesIO(bytes(20_000_000)))
        return opened[-1]

    upload = Upload("audio.wav", "audio/wav", 20_000_000, opens)
    request = Request("POST", "/audio/transcriptions", RequestBody("audio/wav", (upload,)))
    with (
        LoopbackServer([stop_reading()]) as server,
        contextlib.closing(
            Transport(server.url, SecretStr("some-key"), timeout=TIMEOUT)
        ) as transport,
    ):
        for deadline in (0.5, 5.0, 50.0):
            runner = RequestRunner(transport, RetryPolicy(0, 190.0, FakeClock()), deadline)
            with pytest.raises(APITimeoutError) as kept:
                send(runner, Call(request, lambda response: response))
            if opened:
                break
        assert [file.closed for file in opened] == [True]
        assert kept.value.status is None
