"""Responses are limited as they arrive, and nothing of them is kept."""

from collections.abc import Iterator

import pytest

from apertis_audio_tools import MalformedResponseError, ServerError
from support.loopback_server import Behaviour, Exchange, LoopbackServer
from support.scripted_responses import respond, respond_json
from support.sync_async import RUNS, Run

TINY = 110_000
MODELS = {"data": [{"id": "m"}]}


@pytest.fixture(params=RUNS)
def run(request: pytest.FixtureRequest) -> Run:
    """Return each form of a call."""
    return RUNS[request.param]


def send_tiny_chunks(status: int) -> Behaviour:
    """Send chunks of one byte, without an end."""

    def behave(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.write_head(status, {"transfer-encoding": "chunked"})
        for _ in range(TINY // 10_000):
            exchange.write(b"1\r\n \r\n" * 10_000)

    return behave


def test_tiny_chunks(run: Run) -> None:
    """A response in hundreds of thousands of chunks is not read to its end."""
    with (
        LoopbackServer([send_tiny_chunks(200)]) as server,
        server.client() as audio,
        pytest.raises(MalformedResponseError, match="far too small chunks"),
    ):
        run(audio, "models")


def test_tiny_chunks_of_an_error(run: Run) -> None:
    """An error of so many chunks is still that error."""
    script = [send_tiny_chunks(500)]
    with (
        LoopbackServer(script) as server,
        server.client(max_retries=0) as audio,
        pytest.raises(ServerError),
    ):
        run(audio, "models")


def empty_blocks() -> Iterator[bytes]:
    """Yield compressed data from which nothing is ever read, more than any response may have."""
    for _ in range(10):
        yield b"\0\0\0\xff\xff" * 200_000


def test_endless_compression(run: Run) -> None:
    """Compressed data counts for the size of a response even if nothing is in it."""
    body = b"".join(empty_blocks())
    script = [respond(200, body, "application/json", content_encoding="deflate")]
    with (
        LoopbackServer(script) as server,
        server.client() as audio,
        pytest.raises(MalformedResponseError, match="larger than"),
    ):
        run(audio, "models")


def test_cookies(run: Run) -> None:
    """Cookies of the service are not kept, and not sent back."""
    script = [respond_json(MODELS, set_cookie="a=b; Path=/")]
    with LoopbackServer(script) as server, server.client() as audio:
        for _ in range(2):
            assert run(audio, "models") == ("m",)
    assert not any("cookie" in request.headers for request in server.requests)
