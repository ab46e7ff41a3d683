"""An unreliable service: it limits, refuses or resets some requests.

The fate of a request is drawn pseudo-randomly from the recording's name and the number of its
attempts, so that two runs are alike. The text of each recording is its name. `GET /v1/log` returns
the log of all requests.

    python benchmarks/unreliable_service.py --retry-after 1

It prints its base URL, and serves until its standard input ends.
"""

import argparse
import asyncio
import json
import random
import re
import socket
import struct
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field

SHARES = {"limited": 0.05, "unavailable": 0.03, "reset": 0.02}
MIN_SECONDS, MAX_SECONDS = 0.02, 0.06
"""Limits of the time that a response takes."""
_NAME = re.compile(rb'filename="(\w+)\.wav"')
_LINGER_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Entry:
    """One request: the times of its head and its response, and its fate."""

    name: str
    arrived: float
    responded: float
    fate: str


@dataclass
class Service:
    """The state that all connections share."""

    retry_after: float
    log: list[Entry] = field(default_factory=list)
    sent: Counter[str] = field(default_factory=Counter)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it ends."""
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        arrived = time.monotonic()
        if head.startswith(b"GET"):
            writer.write(_response(200, [asdict(entry) for entry in self.log]))
            return True
        size = int(re.search(rb"content-length: (\d+)", head, re.IGNORECASE)[1])  # type: ignore[index]
        beginning = await reader.readexactly(size // 2)
        name = _NAME.search(beginning)[1].decode()  # type: ignore[index]
        self.sent[name] += 1
        generator = random.Random(f"{name} {self.sent[name]}")  # noqa: S311  # no secret
        fate = _fate(generator.random())
        is_early = fate == "reset" and generator.random() < 0.5  # noqa: PLR2004  # one half
        if not is_early:
            await reader.readexactly(size - len(beginning))
            await asyncio.sleep(generator.uniform(MIN_SECONDS, MAX_SECONDS))
        self.log.append(Entry(name, arrived, time.monotonic(), fate))
        if fate == "reset":
            writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET
            )
            writer.transport.abort()
            return False
        writer.write(self._respond(name, fate))
        return True

    def _respond(self, name: str, fate: str) -> bytes:
        if fate == "limited":
            refusal = {"error": {"message": "Too many.", "code": "rate_limit_exceeded"}}
            return _response(429, refusal, f"retry-after: {self.retry_after:g}\r\n")
        if fate == "unavailable":
            return _response(503, {"error": {"message": "Later.", "code": "service_unavailable"}})
        return _response(200, {"text": name, "duration": 1.0})


def _fate(drawn: float) -> str:
    for fate, share in SHARES.items():
        drawn -= share
        if drawn < 0:
            return fate
    return "answered"


def _response(status: int, data: object, headers: str = "") -> bytes:
    body = json.dumps(data).encode()
    head = f"HTTP/1.1 {status} As Drawn\r\ncontent-type: application/json\r\n{headers}"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


async def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--retry-after", type=float, default=1.0, help="Retry-After of a 429 in seconds"
    )
    service = Service(parser.parse_args().retry_after)
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0, backlog=512)
    print("http://{}:{}/v1".format(*server.sockets[0].getsockname()), flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
