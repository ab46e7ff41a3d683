"""Replayed responses equal the recorded ones to the byte, sync and async, without secrets."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator

import httpx
import pytest
from vcr.errors import CannotOverwriteExistingCassetteException  # type: ignore[import-untyped]
from vcr.request import Request  # type: ignore[import-untyped]

from support import timeouts
from support.cassettes.audit import audit
from support.cassettes.canonical import canonical_request
from support.cassettes.local_recording import (
    BODIES_OF_ALL_KINDS,
    CASSETTE,
    FORGED_KEY,
    CassetteFolder,
)
from support.cassettes.storage import BODIES, read_manifest


def _sent(**request: object) -> Request:
    """Return a request as vcrpy sees it."""
    built = httpx.Request("POST", "http://127.0.0.1:4711/v1/x?a=1", **request)  # type: ignore[arg-type]
    return Request(built.method, str(built.url), built.read(), built.headers)


def _upload(boundary: str, audio: bytes = b"\r\n--\x00\xffaudio", language: str = "de") -> Request:
    return _sent(
        files={"file": ("a.mp3", audio, "audio/mpeg")},
        data={"model": "whisper-1", "language": language},
        headers={
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Authorization": f"Bearer {FORGED_KEY}",
        },
    )


def _question(audio: bytes = b"\x00\x01" * 500, text: str = "What is said?") -> Request:
    data = base64.b64encode(audio).decode()
    return _sent(json={"content": [{"text": text}, {"input_audio": {"data": data}}]})


def _content(request: Request) -> tuple[object, ...]:
    return request.method, request.uri, request.body, dict(request.headers)


@pytest.mark.parametrize(
    "request_",
    [
        _upload("one"),
        _question(),
        _sent(content=b"\xff\x00 not what it says", headers={"Content-Type": "application/json"}),
        _sent(content=b'{"a": "\\ud800", "b": 1e400}'),
        _sent(content=b"lost", headers={"Content-Type": "multipart/form-data; boundary=x"}),
        _sent(),
    ],
    ids=["upload", "question", "binary", "odd-json", "no-parts", "empty"],
)
def test_canonical_once(request_: Request) -> None:
    """Canonicalising a request twice changes nothing."""
    once = canonical_request(request_)
    assert _content(canonical_request(once)) == _content(once)


def test_boundary_and_order() -> None:
    """The boundary and the order of fields do not distinguish requests."""
    assert _content(canonical_request(_upload("one"))) == _content(canonical_request(_upload("2")))
    form = [_sent(files=[(name, (None, name)) for name in names]) for names in ("ab", "ba")]
    assert canonical_request(form[0]).body == canonical_request(form[1]).body
    first, second = _sent(content=b'{"a":1,"b":2}'), _sent(content=b'{"b": 2, "a": 1}')
    assert canonical_request(first).body == canonical_request(second).body


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (_upload("b"), _upload("b", audio=b"\r\n--\x00\xfeaudio")),
        (_upload("b"), _upload("b", language="en")),
        (_question(), _question(audio=b"\x00\x02" * 500)),
        (_question(), _question(text="Who speaks?")),
        (_question(text="Who is it? " * 40), _question(text="Who is it! " * 40)),
        (_sent(json={"speed": 1}), _sent(json={"speed": 1.0})),
        (_sent(json={"speed": 1}), _sent(json={"speed": True})),
    ],
)
def test_differences_count(one: Request, other: Request) -> None:
    """A byte of audio, a field or a number's type distinguishes requests."""
    assert canonical_request(one).body != canonical_request(other).body


@pytest.mark.parametrize("request_", [_upload("b"), _question()])
def test_nothing_private(request_: Request) -> None:
    """A canonical request contains neither the key nor the audio nor the host."""
    canonical = canonical_request(request_)
    assert canonical.uri == "https://api.apertis.ai/v1/x?a=1"
    assert set(canonical.headers) <= {"accept", "content-type"}
    assert len(canonical.body) < 1000


def test_replay_is_exact(cassette_folder: CassetteFolder, loopback_url: str) -> None:
    """A sync recording is replayed byte for byte to an async client with another host."""

    def ask() -> None:
        with timeouts.Client() as client:
            for kind, body in BODIES_OF_ALL_KINDS.items():
                assert client.get(f"{loopback_url}/{kind}").content == body

    async def replay() -> dict[str, bytes]:
        async with timeouts.AsyncClient() as client:
            responses = {k: await client.get(f"https://x/v1/{k}") for k in BODIES_OF_ALL_KINDS}
        return {kind: response.content for kind, response in responses.items()}

    cassette_folder.record(ask)
    assert audit(cassette_folder.root) == []
    with cassette_folder.cassette("none") as cassette:
        assert asyncio.run(replay()) == BODIES_OF_ALL_KINDS
    assert cassette.all_played


def test_exact_match(cassette_folder: CassetteFolder, loopback_url: str) -> None:
    """A request with any difference is not replayed from the cassette."""
    cassette_folder.record(lambda: timeouts.post(f"{loopback_url}/x", json={"speed": 1}))
    with cassette_folder.cassette("none"), pytest.raises(CannotOverwriteExistingCassetteException):
        timeouts.post(f"{loopback_url}/x", json={"speed": 1.0})


def test_readable(cassette_folder: CassetteFolder) -> None:
    """JSON is indented, and audio is in a separate file."""
    text = (cassette_folder.root / CASSETTE).read_text("utf-8")
    assert '\n          "text": "hello",\n' in text
    digest = hashlib.sha256(BODIES_OF_ALL_KINDS["long-binary"]).hexdigest()
    assert f"sidecar: {digest}\n" in text
    assert (cassette_folder.root / BODIES / digest).read_bytes() == BODIES_OF_ALL_KINDS[
        "long-binary"
    ]


def test_kept_headers(cassette_folder: CassetteFolder) -> None:
    """Only relevant headers of a response are kept, and none that names an account."""
    text = (cassette_folder.root / CASSETTE).read_text("utf-8").lower()
    assert {"date:", "x-request-id:", "server:", "x-ratelimit-remaining:"} <= set(text.split())
    for private in ("cookie", "organization", "authorization", "sk-", "127.0.0.1"):
        assert private not in text


def test_streamed_upload_arrives_whole(cassette_folder: CassetteFolder, loopback_url: str) -> None:
    """An upload streamed from a generator is sent and recorded completely, sync and async."""
    upload = _upload("b", audio=bytes(range(256)) * 1000)
    headers = {"Content-Length": str(len(upload.body)), **upload.headers}
    chunks = [upload.body[start : start + 70_000] for start in range(0, len(upload.body), 70_000)]
    received = hashlib.sha256(upload.body).hexdigest()

    async def achunks() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    async def aask() -> str:
        async with timeouts.AsyncClient() as client:
            response = await client.post(
                f"{loopback_url}/x?a=1", content=achunks(), headers=headers
            )
        return str(response.json()["received"])

    def ask() -> None:
        with timeouts.Client() as client:
            response = client.post(f"{loopback_url}/x?a=1", content=iter(chunks), headers=headers)
        assert response.json()["received"] == asyncio.run(aask()) == received

    cassette_folder.record(ask)
    with cassette_folder.cassette("none") as cassette:
        ask()
    bodies = [request.body for request in cassette.requests]
    assert bodies == [canonical_request(upload).body] * 2


def test_many_at_once(cassette_folder: CassetteFolder, loopback_url: str) -> None:
    """Concurrent requests keep their own responses and peers."""

    async def ask(base: str) -> list[str]:
        async with timeouts.AsyncClient() as client:
            requests = [client.post(f"{base}/x", json={"n": n}) for n in range(8)]
            return [response.text for response in await asyncio.gather(*requests)]

    recorded: list[str] = []
    cassette_folder.record(lambda: recorded.extend(asyncio.run(ask(loopback_url))))
    with cassette_folder.cassette("none"):
        assert asyncio.run(ask("https://x/v1")) == recorded
    assert {str(peer.ip) for peer in read_manifest(cassette_folder.root)[CASSETTE].peers} == {
        "127.0.0.1"
    }
    assert len(set(recorded)) == 8
