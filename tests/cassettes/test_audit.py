"""The cassettes of this repository are recordings, and what is not one would be found out."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from support import timeouts
from support.cassettes.audit import LARGEST_CASSETTE, audit
from support.cassettes.local_recording import CASSETTE, FORGED_KEY, Shelf
from support.cassettes.peers import noting_peers
from support.cassettes.persister import RecordingRefusedError
from support.cassettes.storage import BODIES, MANIFEST, read_manifest, write_manifest


def test_repository(pytestconfig: pytest.Config, orphaned_cassettes: list[str]) -> None:
    """Every cassette of this repository passes the audit, and some test replays it."""
    assert audit(pytestconfig.rootpath / "cassettes") == []
    assert orphaned_cassettes == []


def test_mock_refused(shelf: Shelf, loopback_url: str) -> None:
    """An answer that no connection brought is not recorded, and vcrpy leaves httpx as it was."""
    before = httpx.HTTPTransport.handle_request
    mock = httpx.MockTransport(lambda _: httpx.Response(200, json={"text": "made up"}))

    def ask() -> None:
        timeouts.get(f"{loopback_url}/empty")
        with httpx.Client(transport=mock) as client:
            client.get(f"{loopback_url}/models")

    with pytest.raises(RecordingRefusedError, match="real connection"):
        shelf.record(ask)
    assert httpx.HTTPTransport.handle_request is before


@pytest.mark.parametrize(
    ("path", "secret", "reason"),
    [
        ("key", None, "looks like a key"),
        ("spaced", "hello", "contains the key that was used"),
        ("long-binary", "\x01\x02\x03", "contains the key that was used"),
        ("large", None, f"{LARGEST_CASSETTE} are allowed"),
    ],
)
def test_refused(
    shelf: Shelf, loopback_url: str, path: str, secret: str | None, reason: str
) -> None:
    """A key that comes back, or too much of an answer, is not written down."""
    shelf.secret = secret
    headers = {"Authorization": f"Bearer {FORGED_KEY}"}
    with pytest.raises(RecordingRefusedError, match=reason):
        shelf.record(lambda: timeouts.get(f"{loopback_url}/{path}", headers=headers))
    assert not (shelf.root / CASSETTE).exists()


def test_only_recording_runs_write(shelf: Shelf, loopback_url: str) -> None:
    """Outside a recording run nothing is written, whatever a test asks vcrpy for."""
    before = (shelf.root / CASSETTE).read_bytes()
    shelf.recording = False
    with (
        pytest.raises(RecordingRefusedError, match="--record-mode=rewrite"),
        noting_peers(),
        shelf.cassette("all"),
    ):
        timeouts.get(f"{loopback_url}/empty")
    assert (shelf.root / CASSETTE).read_bytes() == before


def test_rerecording_tidies(shelf: Shelf, loopback_url: str) -> None:
    """A new recording takes away the bodies that only the old one named."""
    shelf.record(lambda: timeouts.get(f"{loopback_url}/empty"))
    assert list((shelf.root / BODIES).iterdir()) == []
    assert audit(shelf.root) == []


def _write(path: str, content: str) -> Callable[[Shelf], None]:
    def tamper(shelf: Shelf) -> None:
        (shelf.root / path).write_text(content, "utf-8")

    return tamper


def _body(shelf: Shelf) -> Path:
    return next((shelf.root / BODIES).iterdir())


def _edit_the_body(shelf: Shelf) -> None:
    _body(shelf).write_bytes(b"x")


def _forge(old: str, new: str) -> Callable[[Shelf], None]:
    return lambda shelf: shelf.forge(old, new)


def _edit_a_letter(shelf: Shelf) -> None:
    text = (shelf.root / CASSETTE).read_text("utf-8")
    (shelf.root / CASSETTE).write_text(text.replace("hello", "jello"), "utf-8", newline="\n")


def _move_the_clock(shelf: Shelf) -> None:
    row = read_manifest(shelf.root)[CASSETTE]
    shelf.forge("", "", recorded_at=row.recorded_at + timedelta(hours=1))


def _change_the_peer(shelf: Shelf) -> None:
    row = read_manifest(shelf.root)[CASSETTE]
    peer = row.peers[0].model_copy(update={"ip": "192.0.2.1"})
    shelf.forge("", "", peers=[peer, peer])


def _pass_for_live(shelf: Shelf) -> None:
    shutil.move(shelf.root / "sandbox", shelf.root / "apertis-live")
    row = read_manifest(shelf.root)[CASSETTE].model_copy(update={"origin": "apertis-live"})
    write_manifest(shelf.root, {CASSETTE.replace("sandbox", "apertis-live"): row})


TAMPERINGS: dict[str, tuple[Callable[[Shelf], None], str]] = {
    "edited-letter": (_edit_a_letter, "changed after it was recorded"),
    "edited-body": (_edit_the_body, "was changed"),
    "orphan-body": (_write(f"{BODIES}/{'0' * 64}", "x"), "is not in the manifest"),
    "missing-body": (lambda shelf: _body(shelf).unlink(), "it does not exist"),
    "missing-row": (_write(MANIFEST, "{}"), "is not in the manifest"),
    "missing-cassette": (lambda shelf: (shelf.root / CASSETTE).unlink(), "it does not exist"),
    "broken-manifest": (_write(MANIFEST, '{"x": 1}'), "cannot be read"),
    "stray-file": (_write("sandbox/area/notes.txt", "x"), "is not in the manifest"),
    "no-yaml": (_forge("version", "\x00"), "cannot be read"),
    "no-interactions": (_forge("interactions", "others"), "cannot be read"),
    "leaked-key": (_forge("hello", "sk-sub_0123456789"), "looks like a key"),
    "leaked-header": (_forge("accept:", "authorization:"), "must not be kept: authorization"),
    "leaked-cookie": (_forge("x-request-id:", "set-cookie:"), "must not be kept: set-cookie"),
    "oversize": (_forge("version", "#" * LARGEST_CASSETTE + "\nversion"), "use shorter audio"),
    "other-length": (_forge("hello", "hello!"), "announces"),
    "other-server": (_forge("apertis-audio-sandbox", "nginx"), "was not answered by the server"),
    "other-host": (_forge("api.apertis.ai", "example.com"), "was not asked of"),
    "other-body": (_forge("sidecar:", "sidetrack:"), "names other bodies"),
    "no-date": (_forge("date:", "retry-after:"), "has no Date"),
    "wrong-date": (_move_the_clock, "but was recorded at"),
    "other-peer": (_change_the_peer, "loopback address"),
    "no-peer": (lambda shelf: shelf.forge("", "", peers=[]), "but 0 peers"),
    "sandbox-as-live": (_pass_for_live, "without a TLS certificate"),
    "live-in-sandbox": (lambda shelf: shelf.forge("", "", origin="apertis-live"), "its origin"),
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_tampering_found(shelf: Shelf, tampering: str) -> None:
    """A sound folder has no findings; tampered with, it has one that says what is wrong."""
    tamper, finding = TAMPERINGS[tampering]
    assert audit(shelf.root) == []
    tamper(shelf)
    assert finding in " ".join(audit(shelf.root))


def test_nothing_recorded(tmp_path: Path) -> None:
    """A repository without cassettes has nothing to find fault with."""
    assert audit(tmp_path / "cassettes") == []
