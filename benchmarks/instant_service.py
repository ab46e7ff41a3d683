"""Serve small fixed responses at once, so that only the CPU time of clients differs.

Prints the port and ends when its standard input does.

    python benchmarks/instant_service.py SPEECH_FILE [CERTIFICATE KEY]
"""

import asyncio
import json
import os
import ssl
import sys
import threading
from pathlib import Path
from typing import cast

_SEGMENT = {
    "id": 0,
    "seek": 0,
    "start": 0.0,
    "end": 1.0,
    "text": " Nothing was recognised.",
    "tokens": [1, 2, 3],
    "temperature": 0.0,
    "avg_logprob": -0.2,
    "compression_ratio": 1.1,
    "no_speech_prob": 0.01,
}
_TRANSCRIPT = {
    "task": "transcribe",
    "language": "english",
    "duration": 1.0,
    "text": "Nothing was recognised.",
    "segments": [_SEGMENT],
}
_CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-audio",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "Nothing was recognised."},
        }
    ],
    "usage": {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13},
}
_HEAD = "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n"


class Service(asyncio.Protocol):
    """A connection that answers each request when the last byte of its body is there."""

    def __init__(self, speech: bytes) -> None:
        self._answers = {
            b"transcriptions": ("application/json", json.dumps(_TRANSCRIPT).encode()),
            b"completions": ("application/json", json.dumps(_CHAT).encode()),
            b"speech": ("audio/mpeg", speech),
        }
        self._head, self._missing, self._path = b"", 0, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Count the bytes of the body, after the head of the request."""
        if not self._missing:
            self._head += data
            head, end, data = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            self._head, self._path = b"", head.split(b" ", 2)[1]
            sizes = [
                line for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"
            ]
            self._missing = int(sizes[0][15:]) if sizes else 0
        self._missing -= len(data)
        if not self._missing:
            kind, body = self._answers[self._path.rpartition(b"/")[2]]
            self._transport.write(_HEAD.format(kind, len(body)).encode() + body)


async def serve(speech: bytes, context: ssl.SSLContext | None) -> None:
    """Serve until the process ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Service(speech), "127.0.0.1", 0, ssl=context, backlog=500
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def end_with_input() -> None:
    """End the process when whoever started it has gone."""
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    if "--help" in sys.argv:
        print(f"usage: {Path(__file__).name} SPEECH_FILE [CERTIFICATE_AND_KEY]")
        raise SystemExit
    speech_file, *certificate = sys.argv[1:]
    tls = None
    if certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(*certificate)
    threading.Thread(target=end_with_input, daemon=True).start()
    asyncio.run(serve(Path(speech_file).read_bytes(), tls))
