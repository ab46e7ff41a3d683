"""A stand-in of the service that takes its time: a slow line, and work for each second of audio.

It hears nothing. What arrives on all connections together is read no faster than the uplink, and
each request is answered some time after its last byte: a fixed part, and one that grows with the
length of the audio. Requests are worked on side by side, as many as there are.

    python benchmarks/standin.py --uplink 100 --latency 0.3 --speed 100

It prints its base URL, and serves until its standard input ends, so that it does not outlive the
benchmark that started it. `GET /v1/heard` tells how many requests, bytes
and seconds of audio there were since the last time it was asked.
"""

import argparse
import asyncio
import socket
import sys
import threading
from dataclasses import asdict, dataclass, field
from typing import IO, Any

import av
import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SEGMENT_SECONDS = 5


@dataclass
class Uplink:
    """A line that carries so many bytes a second, whoever sends them."""

    bytes_per_second: float
    free_at: float = 0.0

    async def carry(self, size: int) -> None:
        """Return when so many bytes have passed, after all that came before them."""
        now = asyncio.get_running_loop().time()
        self.free_at = max(self.free_at, now) + size / self.bytes_per_second
        await asyncio.sleep(self.free_at - now)

    def before(self, application: ASGIApp) -> ASGIApp:
        """The application, at the other end of this line."""

        async def reached(scope: Scope, receive: Receive, send: Send) -> None:
            async def receive_slowly() -> Message:
                message = await receive()
                await self.carry(len(message.get("body", b"")))
                return message

            await application(scope, receive_slowly, send)

        return reached


@dataclass
class Heard:
    """What there was: requests, bytes of audio, seconds of audio."""

    requests: int = 0
    size: int = 0
    seconds: float = 0.0


@dataclass
class Service:
    """Transcribes nothing, and takes `latency` seconds and 1/`speed` of the audio's length to."""

    latency: float
    speed: float
    heard: Heard = field(default_factory=Heard)

    async def transcribe(self, request: Request) -> JSONResponse:
        """The answer of ``json`` and of ``verbose_json``."""
        async with request.form() as form:
            upload = form["file"]
            if not isinstance(upload, UploadFile):
                return JSONResponse({"error": {"message": "There is no file."}}, 400)
            seconds = await asyncio.to_thread(length, upload.file)
            self.heard.size += upload.size or 0
            is_verbose = form.get("response_format") == "verbose_json"
        self.heard.requests += 1
        self.heard.seconds += seconds
        await asyncio.sleep(self.latency + seconds / self.speed)
        answer = verbose(seconds)
        return JSONResponse(answer if is_verbose else {"text": answer["text"]})

    async def tell(self, _: Request) -> JSONResponse:
        """What was heard since the last time."""
        told, self.heard = self.heard, Heard()
        return JSONResponse(asdict(told))


def length(file: IO[bytes]) -> float:
    """Seconds, as the container says."""
    with av.open(file, "r") as container:
        return float((container.duration or 0) / av.time_base)


def verbose(seconds: float) -> dict[str, Any]:
    """An answer with a segment every few seconds."""
    segments = [
        {"id": n, "start": at, "end": min(at + SEGMENT_SECONDS, seconds), "text": f"Sentence {n}."}
        for n, at in enumerate(range(0, int(seconds), SEGMENT_SECONDS))
    ]
    text = " ".join(str(segment["text"]) for segment in segments)
    answer = {"task": "transcribe", "language": "english", "duration": seconds, "text": text}
    return {**answer, "segments": segments}


def end_with_input(server: uvicorn.Server) -> None:
    """Stop serving when there is nothing more to read."""
    sys.stdin.read()
    server.should_exit = True


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--uplink", type=float, default=100, help="million bits per second")
    parser.add_argument("--latency", type=float, default=0.3, help="seconds for each request")
    parser.add_argument("--speed", type=float, default=100, help="seconds of audio per second")
    asked = parser.parse_args()
    service = Service(asked.latency, asked.speed)
    routes = [
        Route("/v1/audio/transcriptions", service.transcribe, methods=["POST"]),
        Route("/v1/heard", service.tell),
    ]
    application = Uplink(asked.uplink * 1_000_000 / 8).before(Starlette(routes=routes))
    with socket.create_server(("127.0.0.1", 0)) as bound:
        # Else asyncio has each answer's body wait 40 ms for its head to be acknowledged.
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        print(f"http://127.0.0.1:{bound.getsockname()[1]}/v1", flush=True)
        server = uvicorn.Server(uvicorn.Config(application, log_level="warning"))
        threading.Thread(target=end_with_input, args=[server], daemon=True).start()
        server.run(sockets=[bound])


if __name__ == "__main__":
    main()
