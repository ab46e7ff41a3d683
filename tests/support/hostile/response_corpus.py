"""Hostile responses by the thousand, each made from its number, so that it can be made again."""

import random
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from support.hostile.response_bodies import hostile_body
from support.loopback_server import Behaviour, Exchange

_JSON_CALLS = {
    "/v1/audio/transcriptions": "transcribe",
    "/v1/audio/translations": "translate",
}
_FORMATS = ("json", "text", "srt", "vtt", "verbose_json")
CALLS: list[tuple[str, str, dict[str, Any]]] = [
    *(
        (path, verb, {"response_format": each})
        for path, verb in _JSON_CALLS.items()
        for each in _FORMATS
    ),
    ("/v1/audio/transcriptions", "transcribe_many", {"on_error": "skip"}),
    *(
        ("/v1/chat/completions", "chat", each)
        for each in ({}, {}, {"voice": "alloy", "audio_format": "mp3"})
    ),
    *(("/v1/chat/completions", "stream_chat", {}) for _ in range(4)),
    *(
        ("/v1/audio/speech", "speak", {"response_format": each})
        for each in ("mp3", "opus", "wav", "pcm")
    ),
    *(("/v1/audio/speech", each, {}) for each in ("stream_speech", "save_speech")),
    ("/v1/models", "models", {}),
]
"""Path, verb and options of each kind of call."""

_STATUSES = (
    *(
        "201",
        "204",
        "206",
        "301",
        "304",
        "307",
        "400",
        "401",
        "402",
        "403",
        "404",
        "408",
        "413",
        "418",
    ),
    *(
        "429",
        "429",
        "500",
        "502",
        "503",
        "529",
        "599",
        "600",
        "999",
        "100",
        "101",
        "0",
        "99",
        "1000",
        "abc",
    ),
    *("-1", "", "2OO", "\xb2\xb2\xb2"),
)
_HEADERS = (
    *("retry-after: 1e999", "retry-after: -1", "retry-after: nan", f"retry-after: {'1,' * 9000}"),
    *(
        "retry-after: Fri, 31 Dec 99999 23:59:59 GMT",
        f"retry-after: {'(' * 9000}",
        "retry-after-ms: 1e400",
    ),
    *("x-ratelimit-reset: 99999999999999999999", f"x-ratelimit-reset: {'9' * 9000}", "date: \xff"),
    *(
        f"date: {'Mon, ' * 9000}",
        f"x-request-id: {'r' * 60_000}",
        "x-request-id: \x1b[2J",
        "x-request-id:",
    ),
    *("server: \xff\xfe", "location: http://127.0.0.1:1/", "location: \0", "connection: upgrade"),
    *(
        "content-type: text/html",
        f"content-type: {';' * 60_000}",
        "content-length: 3",
        "content-length: -1",
    ),
    *(
        "content-length: 99999999999999999999",
        "transfer-encoding: gzip, chunked",
        "content-encoding: br",
    ),
    *(
        "content-encoding: gzip",
        "content-encoding: gzip, gzip",
        "content-encoding: zstd",
        "trailer: x",
    ),
    *(
        "set-cookie: a=b; Max-Age=1e9",
        " folded",
        "no colon",
        ": no name",
        "a b: c",
        "x: \0",
        f"x: {'y' * 200_000}",
    ),
    *("\r\n".join(f"{name}: {n}" for n in range(2500)) for name in ("x", "set-cookie: a", "link")),
    "\r\n".join(
        f"set-cookie: c{n}=v; Expires=Wed, 21 Oct 2115 07:28:00 GMT; Path=/{n}" for n in range(1500)
    ),
)
_HEADS = (
    *(
        b"",
        b"\r\n",
        b"\r\n" * 40_000,
        b"HTTP/1.1",
        b"HTTP/0.9 200 OK\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
    ),
    *(
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\n\n",
        b"<html>" * 20_000,
        b"\x15\x03\x01\x00\x02\x02\x50",
    ),
    *(
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 40_000,
        b"HTTP/1.1 200 " + b"O" * 300_000,
        b"a" * 3_000_000,
    ),
    *(
        b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000,
        b"HTTP/1.1 103 Early\r\nlink: a\r\n\r\n" * 5000,
        b"\0" * 5000,
    ),
    *(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef", b"SSH-2.0-x\r\n"),
    b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
)


@dataclass(frozen=True, slots=True)
class HostileExchange:
    """A call, and how the service answers it.

    Attributes:
        name: Words that say in which ways the response is hostile.
        verb: Verb of the client.
        options: Options of the verb.
        behave: Behaviour of the server.
    """

    name: str
    verb: str
    options: dict[str, Any]
    behave: Behaviour


@dataclass(slots=True)
class _Draft:
    """A response while it is made: status, header lines and body, and how they are sent."""

    status: str
    headers: list[str]
    body: bytes
    kinds: list[str] = field(default_factory=list)
    send: Callable[["_Draft", Exchange], None] | None = None

    def head(self, *more: str) -> bytes:
        lines = [f"HTTP/1.1 {self.status} As Scripted", *self.headers, *more]
        return "".join(f"{line}\r\n" for line in lines).encode("latin-1") + b"\r\n"


def hostile_exchange(number: int) -> HostileExchange:
    """Return an exchange that depends on the number only."""
    dice = random.Random(number)
    path, verb, options = dice.choice(CALLS)
    media_type, body = hostile_body(dice, path)
    draft = _Draft("200", [f"content-type: {media_type}"] if media_type else [], body)
    for change in dice.sample(_CHANGES, k=dice.choice((0, 0, 1, 1, 2))):
        change(dice, draft)
        draft.kinds.append(change.__name__.strip("_"))
    if draft.send is None:
        draft.send = dice.choice((_send_whole, _send_whole, _send_chunked))
    name = f"{verb} {options.get('response_format', '')} {' '.join(draft.kinds)} #{number}"

    def behave(exchange: Exchange) -> None:
        exchange.read_body()
        assert draft.send is not None
        draft.send(draft, exchange)

    return HostileExchange(name, verb, options, behave)


def _status(dice: random.Random, draft: _Draft) -> None:
    draft.status = dice.choice(_STATUSES)


def _header(dice: random.Random, draft: _Draft) -> None:
    draft.headers += dice.sample(_HEADERS, k=dice.choice((1, 1, 3)))


def _compressed(dice: random.Random, draft: _Draft) -> None:
    """Compress the body, or a body that is far larger."""
    bits, name = dice.choice(((31, "gzip"), (15, "deflate"), (-15, "deflate")))
    packer = zlib.compressobj(9, wbits=bits)
    parts = [packer.compress(draft.body)]
    unit = draft.body[:50] or b" "
    mebibyte = unit * ((1 << 20) // len(unit))
    parts += [packer.compress(mebibyte) for _ in range(dice.choice((0, 0, 0, 2, 30)))]
    data = b"".join(parts) + packer.flush()
    kind = dice.randrange(4)
    if kind == 0:
        data = data[: dice.randrange(len(data))]
    elif kind == 1:
        data += data[: dice.randrange(len(data))]
    draft.headers.append(f"content-encoding: {name}")
    draft.body = data


def _empty_blocks(dice: random.Random, draft: _Draft) -> None:
    """Send blocks of deflate without content, from which nothing is ever read."""
    packer = zlib.compressobj(wbits=-15)
    draft.body = packer.compress(b"") + b"\0\0\0\xff\xff" * dice.choice((3, 10_000, 1_000_000))
    draft.headers.append("content-encoding: deflate")


def _broken_head(dice: random.Random, draft: _Draft) -> None:
    head = dice.choice(_HEADS)
    draft.send = lambda draft, exchange: _end(exchange, head + draft.body[:1000])


def _broken_length(dice: random.Random, draft: _Draft) -> None:
    length = len(draft.body) + dice.choice((-len(draft.body), -1, 1, 1000, 10**20))
    is_reset = dice.random() < 0.5

    def send(draft: _Draft, exchange: Exchange) -> None:
        exchange.write(draft.head(f"content-length: {length}") + draft.body)
        exchange.reset() if is_reset else exchange.close()

    draft.send = send


def _without_length(_: random.Random, draft: _Draft) -> None:
    draft.send = lambda draft, exchange: _end(exchange, draft.head() + draft.body)


def _small_chunks(dice: random.Random, draft: _Draft) -> None:
    size = dice.choice((1, 1, 2, 7))
    draft.send = lambda draft, exchange: _send_chunked(draft, exchange, size)


def _broken_chunks(dice: random.Random, draft: _Draft) -> None:
    line = dice.choice(
        (
            *(b"ffffffffffffffff", b"-1", b"0x10", b"", b"g", b"1" * 30_000, b"5;" + b"x" * 60_000),
            *(b"5 ", b"\xff", b"5\n", b"0\r\n" + b"t: u\r\n" * 30_000, b"0" * 2_000_000),
        )
    )
    head = draft.head("transfer-encoding: chunked")
    draft.send = lambda draft, exchange: _end(exchange, head + line + b"\r\n" + draft.body[:5000])


def _surplus(dice: random.Random, draft: _Draft) -> None:
    surplus = dice.choice((b"x", b"HTTP/1.1 200 OK\r\n\r\n", b"\0" * 100_000))

    def send(draft: _Draft, exchange: Exchange) -> None:
        _send_whole(draft, exchange)
        _end(exchange, surplus)

    draft.send = send


def _silent(dice: random.Random, draft: _Draft) -> None:
    """Send a part of the response and then nothing more, in one case of ten."""
    if dice.random() < 0.1:
        whole = draft.head(f"content-length: {len(draft.body) + 1}") + draft.body[:100_000]
        part = whole[: dice.randrange(len(whole) + 1)]

        def send(_: _Draft, exchange: Exchange) -> None:
            exchange.write(part)
            exchange.wait_for_disconnect()

        draft.send = send


_CHANGES: list[Callable[[random.Random, _Draft], None]] = [
    *(_status, _status, _status, _header, _header, _compressed, _compressed, _empty_blocks),
    *(
        _broken_head,
        _broken_length,
        _without_length,
        _small_chunks,
        _broken_chunks,
        _surplus,
        _silent,
    ),
]


def _send_whole(draft: _Draft, exchange: Exchange) -> None:
    exchange.write(draft.head(f"content-length: {len(draft.body)}") + draft.body)


def _send_chunked(draft: _Draft, exchange: Exchange, size: int = 50_000) -> None:
    exchange.write(draft.head("transfer-encoding: chunked"))
    exchange.write(b"".join(_chunks(draft.body[: 1_000_000 * size], size)) + b"0\r\n\r\n")


def _chunks(body: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(body), size):
        chunk = body[start : start + size]
        yield b"%x\r\n%b\r\n" % (len(chunk), chunk)


def _end(exchange: Exchange, data: bytes) -> None:
    exchange.write(data)
    exchange.close()
