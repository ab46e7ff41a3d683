"""A stand-in of the service with a slow uplink and a latency that grows with the audio.

It recognises nothing. All connections together are read no faster than the uplink, and each
response is delayed by a fixed time and by a time that grows with the length of the audio. All
requests are processed concurrently.

    python benchmarks/slow_service.py --uplink 100 --latency 0.3 --speed 100

It prints its base URL, and serves until its standard input ends, so that it does not outlive the
benchmark that started it. `GET /v1/received` returns the number of requests, the bytes and seconds
of audio, and the seconds of the longest request, since its last call.
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
    """A line with a limited number of bytes per second over all connections."""

    bytes_per_second: float
    free_at: float = 0.0

    async def carry(self, size: int) -> None:
        """Wait until `size` bytes have passed, after all bytes before them."""
        now = asyncio.get_running_loop().time()
        self.free_at = max(self.free_at, now) + size / self.bytes_per_second
        await asyncio.sleep(self.free_at - now)

    def wrap(self, application: ASGIApp) -> ASGIApp:
        """Return an application that receives its requests through this line."""

        async def limited(scope: Scope, receive: Receive, send: Send) -> None:
            async def receive_slowly() -> Message:
                message = await receive()
                await self.carry(len(message.get("body", b"")))
                return message

            await application(scope, receive_slowly, send)

        return limited


@dataclass
class Traffic:
    """Number of requests, bytes and seconds of audio, and the seconds of the longest request."""

    requests: int = 0
    size: int = 0
    seconds: float = 0.0
    longest: float = 0.0


@dataclass
class Service:
    """Endpoints that respond after `latency` seconds plus 1/`speed` of the audio's length."""

    latency: float
    speed: float
    traffic: Traffic = field(default_factory=Traffic)

    async def transcribe(self, request: Request) -> JSONResponse:
        """Respond in ``json`` or ``verbose_json``."""
        async with request.form() as form:
            upload = form["file"]
            if not isinstance(upload, UploadFile):
                return JSONResponse({"error": {"message": "There is no file."}}, 400)
            seconds = await asyncio.to_thread(length, upload.file)
            self.traffic.size += upload.size or 0
            is_verbose = form.get("response_format") == "verbose_json"
        self.traffic.requests += 1
        self.traffic.seconds += seconds
        self.traffic.longest = max(self.traffic.longest, seconds)
        await asyncio.sleep(self.latency + seconds / self.speed)
        body = verbose_body(seconds)
        return JSONResponse(body if is_verbose else {"text": body["text"]})

    async def report(self, _: Request) -> JSONResponse:
        """Respond with the traffic since the last call."""
        traffic, self.traffic = self.traffic, Traffic()
        return JSONResponse(asdict(traffic))


def length(file: IO[bytes]) -> float:
    """Return the seconds that the container claims."""
    with av.open(file, "r") as container:
        return float((container.duration or 0) / av.time_base)


def verbose_body(seconds: float) -> dict[str, Any]:
    """Return a response body with a segment every few seconds."""
    segments = [
        {"id": n, "start": at, "end": min(at + SEGMENT_SECONDS, seconds), "text": f"Sentence {n}."}
        for n, at in enumerate(range(0, int(seconds), SEGMENT_SECONDS))
    ]
    text = " ".join(str(segment["text"]) for segment in segments)
    body = {"task": "transcribe", "language": "english", "duration": seconds, "text": text}
    return {**body, "segments": segments}


def end_with_input(server: uvicorn.Server) -> None:
    """Stop serving when standard input ends."""
    sys.stdin.read()
    server.should_exit = True


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--uplink", type=float, default=100, help="million bits per second")
    parser.add_argument("--latency", type=float, default=0.3, help="seconds for each request")
    parser.add_argument("--speed", type=float, default=100, help="seconds of audio per second")
    arguments = parser.parse_args()
    service = Service(arguments.latency, arguments.speed)
    routes = [
        Route("/v1/audio/transcriptions", service.transcribe, methods=["POST"]),
        Route("/v1/received", service.report),
    ]
    application = Uplink(arguments.uplink * 1_000_000 / 8).wrap(Starlette(routes=routes))
    with socket.create_server(("127.0.0.1", 0)) as bound:
        # Otherwise each response's body waits 40 ms until its head is acknowledged.
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        print(f"http://127.0.0.1:{bound.getsockname()[1]}/v1", flush=True)
        server = uvicorn.Server(uvicorn.Config(application, log_level="warning"))
        threading.Thread(target=end_with_input, args=[server], daemon=True).start()
        server.run(sockets=[bound])


if __name__ == "__main__":
    main()
