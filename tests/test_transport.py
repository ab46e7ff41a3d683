"""What servers and networks do to a request, and what comes of it."""

import asyncio
import contextlib
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from apertis_audio_tools import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    MalformedAnswerError,
    TooLargeError,
)
from apertis_audio_tools.calls import Call
from apertis_audio_tools.drivers import Drivers
from apertis_audio_tools.retry import Retry
from apertis_audio_tools.transport import Transport, receiving
from apertis_audio_tools.wire import Answer, Body, Request, Upload
from behaviours import answer, deafness, drip, early, json_answer, raw, silence
from clock import FakeClock
from colours import Run
from loopback import Behaviour, Loopback
from recordings_made import silence_of

MODELS = json_answer({"data": [{"id": "whisper-1"}]})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects(run: Run, status: int) -> None:
    """A redirect is refused: audio and key go where they were sent, and nowhere else."""
    with Loopback([MODELS]) as elsewhere:
        script = [answer(status, location=f"{elsewhere.url}/models")]
        with Loopback(script) as server, server.client() as audio:
            with pytest.raises(APIStatusError, match="redirects elsewhere") as caught:
                run(audio, "transcribe", silence_of(100_000))
            assert caught.value.status == status
    assert (len(server.requests), elsewhere.connections) == (1, 0)


def test_refusal_cut_short(run: Run) -> None:
    """A refusal whose words break off is still that refusal, and not asked for again."""
    broken = raw(b'HTTP/1.1 401 No\r\ncontent-length: 999\r\n\r\n{"error": {"mess')
    with Loopback([broken]) as server, server.client() as audio:
        with pytest.raises(AuthenticationError, match="401"):
            run(audio, "models")
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "endless",
    [
        drip(b"HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\n\r\n", bytes(500), pause=0.0),
        drip(b"HTTP/1.1 500 Sorry\r\ncontent-length: 999999999\r\n\r\n", bytes(500), pause=0.0),
        drip(b"HTTP/1.1 200 OK\r\n\r\n", bytes(500), pause=0.0),
    ],
    ids=["answer", "refusal", "without length"],
)
def test_endless_answers(run: Run, monkeypatch: pytest.MonkeyPatch, endless: Behaviour) -> None:
    """An answer larger than any honest one is given up, and not asked for again."""
    monkeypatch.setattr(receiving, "MAX_ANSWER_BYTES", 10_000)
    with Loopback([endless]) as server, server.client() as audio:
        with pytest.raises(MalformedAnswerError, match="larger than 10000 bytes"):
            run(audio, "models")
        assert len(server.requests) == 1


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip"])
def test_packed_answers(run: Run, coding: str) -> None:
    """Nobody asked for a packed answer, and some grow without bound when they are unpacked."""
    with (
        Loopback([answer(200, b"tiny", content_encoding=coding)]) as server,
        server.client() as audio,
        pytest.raises(MalformedAnswerError, match="packed"),
    ):
        run(audio, "models")


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"])
def test_silence(run: Run, said: bytes) -> None:
    """Silence longer than the timeout ends an attempt, and is worth another."""
    with (
        Loopback([silence(said)]) as server,
        server.client(timeout=0.2, max_retries=1) as audio,
        pytest.raises(APITimeoutError),
    ):
        run(audio, "models")
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "dripping",
    [
        drip(b"HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n"),
        drip(b"HTTP/1.1 503 Sorry\r\ncontent-length: 99999\r\n\r\n"),
        drip(b"HTTP/1.1 200 OK\r\nx-filler: "),
        drip(b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
    ],
    ids=["body", "body of a refusal", "headers", "interim answers"],
)
def test_dripping(run: Run, dripping: Behaviour) -> None:
    """An answer that keeps coming, byte by byte, ends with the deadline of the call."""
    with Loopback([dripping]) as server, server.client(deadline=0.3, max_retries=0) as audio:
        with pytest.raises(APITimeoutError):
            run(audio, "models")
        server.wait_for_hang_ups()


def test_dripping_download(run: Run, tmp_path: Path) -> None:
    """A download ends with the deadline too."""
    dripping = drip(b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\n\r\nID3", b"\0")
    with (
        Loopback([dripping]) as server,
        server.client(deadline=0.3, max_retries=0) as audio,
        pytest.raises(APITimeoutError),
    ):
        run(audio, "save_speech", "Hello.", tmp_path / "hello.mp3")


def test_deaf_server(run: Run) -> None:
    """A server that stops reading an upload holds nobody up for longer than the deadline."""
    with (
        Loopback([deafness()]) as server,
        server.client(deadline=0.3, max_retries=0) as audio,
        pytest.raises(APITimeoutError),
    ):
        run(audio, "transcribe", silence_of(20_000_000))


def test_endless_patience(run: Run) -> None:
    """Whoever wants no limits of time can say so."""
    forever = float("inf")
    with Loopback([MODELS]) as server, server.client(timeout=forever, deadline=forever) as audio:
        assert run(audio, "models") == ("whisper-1",)


def test_connection_refused(run: Run) -> None:
    """The error names host and port, and not the key."""
    with Loopback([]) as gone:
        audio, address = gone.client(), gone.address
    with audio, pytest.raises(APIConnectionError, match=f"connection to {address} ") as caught:
        run(audio, "models")
    assert "key-of-a-test" not in str(caught.value)


@pytest.mark.parametrize("after", [100_000, 1_000_000])
def test_early_refusal(run: Run, after: int) -> None:
    """A refusal in the middle of an upload is heard, although the connection breaks with it."""
    with (
        Loopback([early(413, "file_too_large", after)]) as server,
        server.client() as audio,
        pytest.raises(TooLargeError, match="Refused early"),
    ):
        run(audio, "transcribe", silence_of(5_000_000))
    assert len(server.requests) <= 2  # asyncio may, rarely, be slower than a loopback reset


SEND: dict[str, Callable[[Drivers, Call[Answer]], Answer]] = {
    "sync": lambda drivers, call: drivers.answer(call),
    "async": lambda drivers, call: asyncio.run(drivers.aanswer(call)),
}


@pytest.mark.parametrize("send", SEND.values(), ids=SEND)
def test_files_are_closed(send: Callable[[Drivers, Call[Answer]], Answer]) -> None:
    """An error that somebody keeps does not keep the recording open."""
    opened = []

    def opens() -> io.BytesIO:
        opened.append(io.BytesIO(bytes(20_000_000)))
        return opened[-1]

    upload = Upload("audio.wav", "audio/wav", 20_000_000, opens)
    request = Request("POST", "/audio/transcriptions", Body("audio/wav", (upload,)))
    with (
        Loopback([deafness()]) as server,
        contextlib.closing(Transport(server.url, SecretStr("key"), timeout=10.0)) as transport,
    ):
        drivers = Drivers(transport, Retry(0, 190.0, FakeClock()), deadline=0.5)
        with pytest.raises(APITimeoutError) as kept:
            send(drivers, Call(request, lambda answer: answer))
        assert [file.closed for file in opened] == [True]
        assert kept.value.status is None
