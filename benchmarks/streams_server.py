"""Server that discards uploads and answers with a transcript, or with speech of 20 MB.

It prints its port. With `--tls` and the path of a certificate and its key, it encrypts.
"""

import argparse
import io
import json
import socket
import ssl
import threading
import wave

RECEIVE_BYTES = 1024 * 1024
SEGMENT = {"id": 0, "start": 0.0, "end": 1.0, "text": "one"}
TRANSCRIPT = json.dumps({"text": "one", "duration": 1.0, "segments": [SEGMENT]}).encode()


def silence(size: int) -> bytes:
    """Return a wav file with some bytes of silence."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, 24_000, 0, "NONE", ""))
        writer.writeframes(bytes(size))
    return file.getvalue()


def serve(connection: socket.socket, speech: bytes) -> None:
    """Answer the requests of one connection until it is closed."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    buffer = memoryview(bytearray(RECEIVE_BYTES))
    with connection:
        while head := read_head(connection):
            lines, _, rest = head.partition(b"\r\n\r\n")
            left = content_length(lines) - len(rest)
            while left > 0 and (size := connection.recv_into(buffer[: min(left, len(buffer))])):
                left -= size
            body, media_type = (
                (speech, "audio/wav")
                if b"/audio/speech" in lines
                else (TRANSCRIPT, "application/json")
            )
            fields = f"content-type: {media_type}\r\ncontent-length: {len(body)}"
            connection.sendall(f"HTTP/1.1 200 OK\r\n{fields}\r\n\r\n".encode())
            connection.sendall(body)


def read_head(connection: socket.socket) -> bytes:
    """Return what arrives up to the end of a head, or nothing if the connection is closed."""
    head = b""
    while b"\r\n\r\n" not in head:
        data = connection.recv(RECEIVE_BYTES)
        if not data:
            return b""
        head += data
    return head


def content_length(head: bytes) -> int:
    """Return the length of the body that a head announces."""
    fields = (line.partition(b":") for line in head.lower().split(b"\r\n"))
    return next((int(value) for name, _, value in fields if name == b"content-length"), 0)


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--speech-bytes", type=int, default=20_000_000)
    parser.add_argument("--tls", nargs=2, metavar=("CERTIFICATE", "KEY"))
    arguments = parser.parse_args()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if arguments.tls else None
    if context:
        context.load_cert_chain(*arguments.tls)
    speech = silence(arguments.speech_bytes)
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        if context:
            connection = context.wrap_socket(connection, server_side=True)
        threading.Thread(target=serve, args=(connection, speech), daemon=True).start()


if __name__ == "__main__":
    main()
