"""The connection breaks, or the server does not keep to its own words."""

from support.faults.endpoints import (
    CHAT,
    SAVE_SPEECH,
    STREAM_CHAT,
    STREAMED,
    TRANSCRIBE,
    WAYS,
    WHOLE,
    Endpoint,
)
from support.faults.error_responses import always, once
from support.faults.fault import RETRIES, Fault, Refused
from support.faults.raw_responses import answered, broken, head, in_chunks, kept, short, whole
from support.faults.unusual_responses import AGAIN, AS_IT_IS
from support.loopback import Behaviour, Exchange
from support.scripted_responses import deafness, drip, early, json_answer, raw, reset, silence

MEGABYTE = 1_000_000
LOST, LATE = Refused("APIConnectionError"), Refused("APITimeoutError")
UPLOADING = (TRANSCRIBE, CHAT)


def gone_again(data: bytes) -> Behaviour:
    """A reset after these bytes."""
    return reset(data=data)


def at_once(endpoint: Endpoint) -> list[Behaviour]:
    """The right answer after the first bytes of the body; the rest is read later."""

    def behave(exchange: Exchange) -> None:
        exchange.read_body(10_000)
        exchange.write(whole(endpoint))
        exchange.read_body()

    return [behave]


def stolen(endpoint: Endpoint) -> bytes:
    """An answer with another one behind it, which was meant for somebody else."""
    other = endpoint.body[: len(endpoint.body) // 2]
    return whole(endpoint) + head(endpoint, f"content-length: {len(other)}") + other


UPLOADS = (
    Fault(
        "reset in the middle of the upload",
        AGAIN,
        lambda endpoint: [reset(before=MEGABYTE), endpoint.good],
        size=3 * MEGABYTE,
        on=UPLOADING,
    ),
    Fault(
        "413 in the middle of the upload",
        "hear it, ask once",
        always(early(413, "file_too_large", MEGABYTE)),
        Refused("TooLargeError", 413, "file_too_large"),
        attempts=1,
        spare=1,  # asyncio may, rarely, be slower than a loopback reset
        size=3 * MEGABYTE,
        on=(TRANSCRIBE,),
    ),
    Fault(
        "the answer before the upload ends",
        AS_IT_IS,
        at_once,
        attempts=1,
        on=UPLOADING,
        size=2 * MEGABYTE,
    ),
    Fault(
        "500; the recording is a pipe",
        AGAIN,
        once(json_answer({}, 500)),
        source="pipe",
        on=(TRANSCRIBE,),
    ),
    Fault(
        "500; the recording is a file read up to byte 8",
        "send it from there, again from there",
        once(json_answer({}, 500)),
        source="handle",
        on=(TRANSCRIBE,),
    ),
    Fault(
        "the server stops reading",
        "give up with the deadline",
        always(deafness()),
        LATE,
        attempts=1,
        size=20 * MEGABYTE,
        on=(TRANSCRIBE,),
        deadline=0.3,
    ),
)

CONNECTIONS = (
    Fault("closed without an answer", AGAIN, once(raw(b""))),
    Fault("reset without an answer", AGAIN, once(reset())),
    Fault("closed without an answer, for ever", "give up", always(raw(b"")), LOST, RETRIES + 1),
    Fault(
        "closed between two calls",
        "ask again on another connection",
        lambda endpoint: [endpoint.good],
        calls=2,
        is_dropped=True,
    ),
    Fault(
        "closed at the second call on a connection",
        AGAIN,
        lambda endpoint: [endpoint.good, raw(b""), endpoint.good],
        attempts=3,
        calls=2,
    ),
    Fault(
        "Connection: close, and closed",
        "ask again on another connection",
        answered(lambda endpoint: whole(endpoint, "connection: close")),
        calls=2,
    ),
    Fault(
        "silence",
        "give up after the retries",
        always(silence()),
        LATE,
        RETRIES + 1,
        timeout=0.06,
    ),
    Fault(
        "silence in the middle of the answer",
        "give up after the retries",
        answered(short, silence),
        LATE,
        RETRIES + 1,
        on=WHOLE,
        timeout=0.06,
    ),
    Fault(
        "headers byte by byte",
        "give up with the deadline",
        always(drip(b"HTTP/1.1 200 OK\r\nx-filler: ")),
        LATE,
        attempts=1,
        on=WAYS,
        timeout=2.0,
        deadline=0.2,
    ),
    Fault(
        "answer byte by byte",
        "give up with the deadline",
        answered(lambda endpoint: head(endpoint, "content-length: 999999") + b"ID3", drip),
        LATE,
        attempts=1,
        on=(TRANSCRIBE, SAVE_SPEECH),
        timeout=2.0,
        deadline=0.2,
    ),
    Fault(
        "refusal byte by byte",
        "give up with the deadline",
        always(drip(b"HTTP/1.1 400 No\r\ncontent-length: 999999\r\n\r\n")),
        LATE,
        attempts=1,
        on=WAYS,
        timeout=2.0,
        deadline=0.2,
    ),
    Fault(
        "endless interim answers",
        "give up with the deadline",
        always(drip(b"", b"HTTP/1.1 102 Processing\r\n\r\n")),
        LATE,
        attempts=1,
        on=WAYS,
        timeout=2.0,
        deadline=0.2,
    ),
)

CUTS = (
    Fault("shorter than its Content-Length", AGAIN, broken(short), on=WHOLE),
    Fault(
        "chunks cut off",
        AGAIN,
        broken(lambda endpoint: in_chunks(endpoint, last=b"")),
        on=WHOLE,
    ),
    Fault("reset in the middle of the answer", AGAIN, broken(short, gone_again), on=WHOLE),
    Fault(
        "reset after the headers", AGAIN, broken(lambda e: head(e, "content-length: 9"), gone_again)
    ),
    Fault(
        "cut off after the first bytes, for ever",
        "typed error, no file",
        answered(lambda endpoint: head(endpoint, "content-length: 999") + endpoint.body[:90]),
        LOST,
        RETRIES + 1,
        on=WHOLE,
    ),
    Fault(
        "stream cut off after the first bytes",
        "typed error, nothing said twice",
        answered(lambda endpoint: head(endpoint, "content-length: 9999") + endpoint.body[:200]),
        LOST,
        attempts=1,
        on=STREAMED,
    ),
    Fault(
        "stream without its end",
        "typed error",
        answered(lambda endpoint: head(endpoint) + endpoint.body[:200]),
        LOST,
        attempts=1,
        on=(STREAM_CHAT,),
    ),
    Fault(
        "stream without anything",
        "typed error",
        answered(lambda endpoint: head(endpoint, "content-length: 0"), kept),
        LOST,
        attempts=1,
        on=(STREAM_CHAT,),
    ),
    Fault(
        "longer than its Content-Length",
        "use the connection no more",
        broken(lambda endpoint: whole(endpoint) + b" and more", kept),
        calls=2,
    ),
    Fault(
        "somebody else's answer behind the right one",
        "do not hand it to the next call",
        broken(stolen, kept),
        calls=2,
    ),
)

BREAKS = (*UPLOADS, *CONNECTIONS, *CUTS)
