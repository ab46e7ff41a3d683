"""Answers that are unusual and right, unusual and wrong, and those that lead elsewhere."""

from support.faults.endpoints import WAYS, Endpoint
from support.faults.error_responses import always, once
from support.faults.fault import Fault, Refused, Script
from support.faults.raw_responses import answered, broken, head, in_chunks, kept, whole
from support.loopback import Behaviour, Exchange
from support.scripted_responses import answer, raw

AGAIN = "ask again, the whole of it"
AS_IT_IS = "take the answer"


def waiting(status: int) -> Script:
    """A word in between, and then the right answer."""

    def script(endpoint: Endpoint) -> list[Behaviour]:
        return [kept(f"HTTP/1.1 {status} Wait\r\n\r\n".encode() + whole(endpoint))]

    return script


def elsewhere(exchange: Exchange) -> None:
    """The address of the same server by another host."""
    port = exchange.received.headers["host"].rpartition(":")[2]
    location = f"http://localhost:{port}{exchange.received.target}"
    answer(307, location=location)(exchange)


def here(status: int) -> Behaviour:
    """A redirect to where it came from."""
    return lambda exchange: answer(status, location=exchange.received.target)(exchange)


def doubled(endpoint: Endpoint) -> bytes:
    """The right answer, with every header twice."""
    length, date = f"content-length: {len(endpoint.body)}", "date: Sun, 22 Nov 2026 12:00:00 GMT"
    return whole(endpoint, f"content-type: {endpoint.media_type}", length, date, date)


ODDITIES = (
    *(
        Fault(f"{status} before the answer", AS_IT_IS, waiting(status), attempts=1, on=WAYS)
        for status in (100, 103)
    ),
    Fault("chunks", AS_IT_IS, answered(in_chunks, kept), attempts=1),
    Fault(
        "chunks with a trailer",
        AS_IT_IS,
        answered(lambda e: in_chunks(e, b"0\r\nx-checksum: 1\r\n\r\n"), kept),
        attempts=1,
    ),
    Fault(
        "no length, closed at the end",
        AS_IT_IS,
        answered(lambda endpoint: head(endpoint) + endpoint.body),
        attempts=1,
    ),
    Fault(
        "every header twice",
        AS_IT_IS,
        answered(doubled, kept),
        attempts=1,
    ),
    Fault(
        "a thousand headers, and bytes that are no text",
        AS_IT_IS,
        answered(lambda e: whole(e, *(f"x-{n}: \xff\xfe" for n in range(1000))), kept),
        attempts=1,
    ),
    Fault(
        "two lengths that differ",
        AGAIN,
        broken(lambda endpoint: whole(endpoint, "content-length: 1")),
    ),
    Fault("a length that is no number", AGAIN, broken(lambda e: head(e, "content-length: -1"))),
    Fault("headers of 200 KB", AGAIN, broken(lambda e: whole(e, "x-filler: " + "x" * 200_000))),
    Fault("another protocol", AGAIN, once(raw(b"SSH-2.0-OpenSSH_9.2\r\n"))),
    Fault("half a header", AGAIN, once(raw(b"HTTP/1.1 200 OK\r\nContent-"))),
    Fault(
        "a chunk without its size",
        AGAIN,
        broken(lambda e: head(e, "transfer-encoding: chunked") + b"what?\r\n" + e.body),
    ),
)

REDIRECTS = (
    Fault(
        "307 to another host",
        "refuse: the audio goes nowhere else",
        always(elsewhere),
        Refused("APIStatusError", 307, says="redirects elsewhere"),
        attempts=1,
    ),
    *(
        Fault(
            f"{status} to itself",
            "refuse: one request",
            always(here(status)),
            Refused("APIStatusError", status, says="redirects elsewhere"),
            attempts=1,
            on=WAYS,
        )
        for status in (301, 302, 303, 308)
    ),
)
