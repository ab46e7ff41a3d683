"""Bodies of hostile responses: recorded ones that are damaged, and others full of hostile parts."""

import json
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml  # type: ignore[import-untyped]

from support.cassettes.storage import BODIES, restore_body

CASSETTES = Path(__file__).parents[3] / "cassettes"
Body = tuple[str, bytes]
"""Media type and content."""

_SIZES = (0, 1, 30, 1000, 1000, 1000, 70_000, 70_000, 1_100_000, 4_300_000, 9_000_000)
_UNITS = [
    *(b"[", b"{", b"[],", b"{},", b'"",', b'{"a":', b'"', b"\\", b'\\"', b"\\ud800", b"\\u0000"),
    *(b"1", b"1e", b"-", b"null,", b'{"start":0,"end":1,"text":"a"},', b"<", b"&", b"&#", b"<b "),
    *(b"\n", b"\r", b"\r\n", b"\n\n", b" ", b"\t", b"\0", b"\x1b[2J", b"a", b"a ", b".", b"-->"),
    *(b"0:0,0-->0:0,0\n", b"00:00:00.000 --> 00:00:01.000\n\n", b"1\n", b"WEBVTT\n\n", b"NOTE "),
    *(
        b"data:",
        b"data:\n",
        b"data: {}\n\n",
        b"data: [DONE]\n\n",
        b":\n",
        b"event: x\n",
        b"id: 1\n",
    ),
    *(b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n', b'data: {"choices":[]}\n\n'),
    b'data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"["}}]}}]}\n\n',
    *(
        "🎙".encode(),
        "\u202e".encode(),
        "\u0301".encode(),
        b"\xff",
        b"\xed\xa0\x80",
        b"\xef\xbb\xbf",
    ),
    *(b"ID3", b"OggS", b"RIFF\xff\xff\xff\xff", b"\xff\xfb\x90\x00", b"fLaC", b"<html>", b"sk-"),
]
_STARTS = [
    *(b"", b"", b"[", b'{"text":"', b'{"text":"a","segments":[', b'{"text":"a","usage":', b'{"a":'),
    *(b'{"text":"a","words":[', b'{"choices":[', b'{"choices":[{"message":{"content":"'),
    *(b'{"choices":[{"message":{"audio":{"data":"', b'{"choices":[{"message":{"tool_calls":['),
    *(
        b'{"error":{"message":"',
        b'{"error":',
        b'{"data":[{"id":"',
        b'{"detail":',
        b"1\n0:0,0-->0:1,0\n",
    ),
    *(
        b"WEBVTT\n\n0:0.0-->0:1.0\n",
        b"data: ",
        b'data: {"choices":[{"delta":{"content":"',
        b"<!doctype",
    ),
]
_MEDIA_TYPES = [
    *("application/json", "text/plain", "text/vtt", "text/event-stream", "audio/mpeg", "audio/wav"),
    *(
        "text/html",
        "",
        "application/octet-stream",
        "application/problem+json",
        "multipart/mixed",
        ";",
    ),
    *(
        "text/event-stream; charset=utf-16",
        "application/json;" * 900,
        "audio/",
        ",",
        '"',
        "a/b;c=\xe9",
    ),
]
_EXTREMES: list[Any] = [
    *(None, True, False, 0, -1, 1.5, 10**30, -(10**400), 10**5000, 1e308, -1e308, float("nan")),
    *(
        float("inf"),
        float("-inf"),
        "",
        "a" * 100_000,
        "\ud800",
        "\0\x1b[2J",
        "\u202e",
        "sk-payg-1234",
    ),
    *(
        [],
        {},
        [[]],
        [None],
        [0] * 2000,
        {"a": {}},
        {"message": 7},
        {"error": {"error": {"error": 1}}},
    ),
]
_ENCODINGS = ("utf-16", "utf-32", "utf-8-sig", "utf-7", "latin-1", "cp037")


@cache
def recorded() -> dict[str, list[Body]]:
    """Return the recorded bodies with success by the path of their request."""
    found: dict[str, list[Body]] = {}
    for path in sorted(CASSETTES.glob("*/*/*.yaml")):
        for each in yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)["interactions"]:
            response, name = each["response"], urlsplit(each["request"]["uri"]).path
            media_type = response["headers"].get("content-type", [""])[0]
            body = restore_body(
                response["body"], lambda each: (CASSETTES / BODIES / each).read_bytes()
            )
            if body and (media_type, body) not in found.setdefault(name, []):
                found[name].append((media_type, body))
    return found


def hostile_body(dice: random.Random, path: str) -> Body:
    """Return a body that is hostile in one of many ways, for a request to a path."""
    return dice.choice(_KINDS)(dice, path)


def _recorded(dice: random.Random, path: str) -> Body:
    bodies = recorded()
    return dice.choice(bodies.get(path) or bodies[dice.choice([*bodies])])


def _foreign(dice: random.Random, _: str) -> Body:
    return _recorded(dice, "")


def _mistyped(dice: random.Random, path: str) -> Body:
    return dice.choice(_MEDIA_TYPES), hostile_body(dice, path)[1]


def _flipped(dice: random.Random, path: str) -> Body:
    media_type, body = _recorded(dice, path)
    data = bytearray(body)
    for _ in range(dice.choice((1, 2, 10, 300))):
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    return media_type, bytes(data)


def _spliced(dice: random.Random, path: str) -> Body:
    media_type, body = _recorded(dice, path)
    at = dice.randrange(len(body) + 1)
    end = at + dice.choice((0, 0, 1, 50, len(body)))
    return media_type, body[:at] + dice.choice(_UNITS) * dice.choice((0, 1, 3, 2000)) + body[end:]


def _filled(dice: random.Random, path: str) -> Body:
    """Return a body that is full of one or two parts."""
    unit = dice.choice(_UNITS) + dice.choice((b"", dice.choice(_UNITS)))
    start, end = dice.choice(_STARTS), dice.choice((b"", b'"}', b"]}", b"\n\n", b'"}}]}'))
    return _recorded(dice, path)[0], start + unit * (dice.choice(_SIZES) // len(unit)) + end


def _mixed(dice: random.Random, path: str) -> Body:
    """Return a body of many parts in any order."""
    parts = dice.choices(_UNITS + _STARTS, k=dice.choice((3, 30, 3000)))
    return _recorded(dice, path)[0], b"".join(parts)


def _changed_json(dice: random.Random, path: str) -> Body:
    media_type, body = _recorded(dice, path)
    try:
        value = json.loads(body)
    except ValueError:
        return _spliced(dice, path)
    for _ in range(dice.choice((1, 1, 2, 8))):
        value = _replace(dice, value)
    try:
        return media_type, json.dumps(value, ensure_ascii=dice.random() < 0.8).encode(
            "utf-8", "surrogatepass"
        )
    except ValueError:  # digits of an integer
        return media_type, b'{"text":"a","duration":1' + b"0" * 5000 + b"}"


def _replace(dice: random.Random, value: Any) -> Any:
    """Return a value with some part of it replaced."""
    if not value or not isinstance(value, dict | list) or dice.random() < 0.1:
        return dice.choice(_EXTREMES)
    key = dice.choice([*value]) if isinstance(value, dict) else dice.randrange(len(value))
    value[key] = _replace(dice, value[key])
    return value


def _deep(dice: random.Random, path: str) -> Body:
    opening, closing = dice.choice(((b"[", b"]"), (b'{"text":', b"}"), (b'{"error":', b"}")))
    depth = dice.choice((10, 200, 1000, 100_000))
    return _recorded(dice, path)[0], opening * depth + b"1" + closing * depth


def _reencoded(dice: random.Random, path: str) -> Body:
    media_type, body = _recorded(dice, path)
    return media_type, body.decode("utf-8", "replace").encode(dice.choice(_ENCODINGS), "replace")


def _cut_short(dice: random.Random, path: str) -> Body:
    media_type, body = _recorded(dice, path)
    return media_type, body[: dice.randrange(len(body))]


def _noise(dice: random.Random, path: str) -> Body:
    return _recorded(dice, path)[0], dice.randbytes(dice.choice((1, 100, 20_000)))


_KINDS: list[Callable[[random.Random, str], Body]] = [
    *(_recorded, _foreign, _mistyped, _flipped, _spliced, _filled, _filled, _mixed),
    *(_changed_json, _changed_json, _changed_json, _deep, _reencoded, _cut_short, _noise),
]
