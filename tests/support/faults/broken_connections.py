"""Faults of the connection, and responses that are not as long as announced."""

from support.faults.endpoints import (
    BUFFERED,
    CHAT,
    ONE_OF_EACH,
    SAVE_SPEECH,
    STREAM_CHAT,
    STREAMED,
    TRANSCRIBE,
    Endpoint,
)
from support.faults.error_responses import always, once
from support.faults.fault import RETRIES, ExpectedError, Fault
from support.faults.raw_responses import (
    always_send,
    head,
    in_chunks,
    send_and_keep_open,
    send_once,
    short,
    whole,
)
from support.faults.unusual_responses import ACCEPT, RETRY
from support.loopback_server import Behaviour, Exchange
from support.scripted_responses import (
    refuse_early,
    reset_connection,
    respond_json,
    send_raw,
    send_slowly,
    stay_silent,
    stop_reading,
)

MEGABYTE = 1_000_000
CONNECTION_LOST, TIMED_OUT = ExpectedError("APIConnectionError"), ExpectedError("APITimeoutError")
UPLOADING = (TRANSCRIBE, CHAT)


def send_and_reset(data: bytes) -> Behaviour:
    """Send these bytes and reset the connection."""
    return reset_connection(data=data)


def respond_early(endpoint: Endpoint) -> list[Behaviour]:
    """Send the correct response after the first bytes of the body, then read the rest."""

    def behave(exchange: Exchange) -> None:
        exchange.read_body(10_000)
        exchange.write(whole(endpoint))
        exchange.read_body()

    return [behave]


def followed_by_another(endpoint: Endpoint) -> bytes:
    """Return a response followed by one that belongs to another call."""
    other = endpoint.body[: len(endpoint.body) // 2]
    return whole(endpoint) + head(endpoint, f"content-length: {len(other)}") + other


UPLOADS = (
    Fault(
        "reset in the middle of the upload",
        RETRY,
        lambda endpoint: [reset_connection(before=MEGABYTE), endpoint.success],
        size=3 * MEGABYTE,
        endpoints=UPLOADING,
    ),
    Fault(
        "413 in the middle of the upload",
        "report it, one request",
        always(refuse_early(413, "file_too_large", MEGABYTE)),
        ExpectedError("TooLargeError", 413, "file_too_large"),
        attempts=1,
        extra_attempts=1,  # asyncio is, rarely, slower than a reset on the loopback address
        size=3 * MEGABYTE,
        endpoints=(TRANSCRIBE,),
    ),
    Fault(
        "a response before the upload ends",
        ACCEPT,
        respond_early,
        attempts=1,
        endpoints=UPLOADING,
        size=2 * MEGABYTE,
    ),
    Fault(
        "500; the recording is a pipe",
        RETRY,
        once(respond_json({}, 500)),
        source="pipe",
        endpoints=(TRANSCRIBE,),
    ),
    Fault(
        "500; the recording is a file read up to byte 8",
        "send it from there, on every attempt",
        once(respond_json({}, 500)),
        source="handle",
        endpoints=(TRANSCRIBE,),
    ),
    Fault(
        "the server stops reading",
        "stop at the deadline",
        always(stop_reading()),
        TIMED_OUT,
        attempts=1,
        size=20 * MEGABYTE,
        endpoints=(TRANSCRIBE,),
        deadline=0.3,
    ),
)

CONNECTIONS = (
    Fault("closed without a response", RETRY, once(send_raw(b""))),
    Fault("reset without a response", RETRY, once(reset_connection())),
    Fault(
        "always closed without a response",
        "stop after the retries",
        always(send_raw(b"")),
        CONNECTION_LOST,
        RETRIES + 1,
    ),
    Fault(
        "closed between two calls",
        "retry on another connection",
        lambda endpoint: [endpoint.success],
        calls=2,
        disconnects=True,
    ),
    Fault(
        "closed at the second call on a connection",
        RETRY,
        lambda endpoint: [endpoint.success, send_raw(b""), endpoint.success],
        attempts=3,
        calls=2,
    ),
    Fault(
        "Connection: close, and closed",
        "retry on another connection",
        always_send(lambda endpoint: whole(endpoint, "connection: close")),
        calls=2,
    ),
    Fault(
        "silence",
        "stop after the retries",
        always(stay_silent()),
        TIMED_OUT,
        RETRIES + 1,
        timeout=0.06,
    ),
    Fault(
        "silence in the middle of the response",
        "stop after the retries",
        always_send(short, stay_silent),
        TIMED_OUT,
        RETRIES + 1,
        endpoints=BUFFERED,
        timeout=0.06,
    ),
    Fault(
        "headers byte by byte",
        "stop at the deadline",
        always(send_slowly(b"HTTP/1.1 200 OK\r\nx-filler: ")),
        TIMED_OUT,
        attempts=1,
        endpoints=ONE_OF_EACH,
        timeout=2.0,
        deadline=0.2,
    ),
    Fault(
        "response byte by byte",
        "stop at the deadline",
        always_send(
            lambda endpoint: head(endpoint, "content-length: 999999") + b"ID3", send_slowly
        ),
        TIMED_OUT,
        attempts=1,
        endpoints=(TRANSCRIBE, SAVE_SPEECH),
        timeout=2.0,
        deadline=0.2,
    ),
    Fault(
        "error response byte by byte",
        "stop at the deadline",
        always(send_slowly(b"HTTP/1.1 400 No\r\ncontent-length: 999999\r\n\r\n")),
        TIMED_OUT,
        attempts=1,
        endpoints=ONE_OF_EACH,
        timeout=2.0,
        deadline=0.2,
    ),
    Fault(
        "endless interim responses",
        "stop at the deadline",
        always(send_slowly(b"", b"HTTP/1.1 102 Processing\r\n\r\n")),
        TIMED_OUT,
        attempts=1,
        endpoints=ONE_OF_EACH,
        timeout=2.0,
        deadline=0.2,
    ),
)

TRUNCATED = (
    Fault("shorter than its Content-Length", RETRY, send_once(short), endpoints=BUFFERED),
    Fault(
        "chunks cut off",
        RETRY,
        send_once(lambda endpoint: in_chunks(endpoint, last=b"")),
        endpoints=BUFFERED,
    ),
    Fault(
        "reset in the middle of the response",
        RETRY,
        send_once(short, send_and_reset),
        endpoints=BUFFERED,
    ),
    Fault(
        "reset after the headers",
        RETRY,
        send_once(lambda e: head(e, "content-length: 9"), send_and_reset),
    ),
    Fault(
        "always cut off after the first bytes",
        "typed error, no file",
        always_send(lambda endpoint: head(endpoint, "content-length: 999") + endpoint.body[:90]),
        CONNECTION_LOST,
        RETRIES + 1,
        endpoints=BUFFERED,
    ),
    Fault(
        "stream cut off after the first bytes",
        "typed error, nothing repeated",
        always_send(lambda endpoint: head(endpoint, "content-length: 9999") + endpoint.body[:200]),
        CONNECTION_LOST,
        attempts=1,
        endpoints=STREAMED,
    ),
    Fault(
        "stream without its end",
        "typed error",
        always_send(lambda endpoint: head(endpoint) + endpoint.body[:200]),
        CONNECTION_LOST,
        attempts=1,
        endpoints=(STREAM_CHAT,),
    ),
    Fault(
        "an empty stream",
        "typed error",
        always_send(lambda endpoint: head(endpoint, "content-length: 0"), send_and_keep_open),
        CONNECTION_LOST,
        attempts=1,
        endpoints=(STREAM_CHAT,),
    ),
    Fault(
        "longer than its Content-Length",
        "do not use the connection again",
        send_once(lambda endpoint: whole(endpoint) + b" and more", send_and_keep_open),
        calls=2,
    ),
    Fault(
        "another call's response after the correct one",
        "do not return it for the next call",
        send_once(followed_by_another, send_and_keep_open),
        calls=2,
    ),
)

BROKEN_CONNECTIONS = (*UPLOADS, *CONNECTIONS, *TRUNCATED)
