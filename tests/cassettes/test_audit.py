"""The cassettes of this repository are real recordings, and the audit detects any that are not."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from support import timeouts
from support.cassettes.audit import MAX_CASSETTE_BYTES, audit
from support.cassettes.contradictions import folder
from support.cassettes.local_recording import CASSETTE, FORGED_KEY, CassetteFolder
from support.cassettes.peers import record_peers
from support.cassettes.persister import RecordingRefusedError
from support.cassettes.storage import BODIES, MANIFEST, read_manifest, write_manifest


def test_repository(pytestconfig: pytest.Config, orphaned_cassettes: list[str]) -> None:
    """Every cassette of this repository passes the audit and is replayed by a test."""
    assert audit(pytestconfig.rootpath / "cassettes") == []
    assert orphaned_cassettes == []


def test_mock_refused(cassette_folder: CassetteFolder, loopback_url: str) -> None:
    """A mocked response is not recorded, and vcrpy restores httpx."""
    before = httpx.HTTPTransport.handle_request
    mock = httpx.MockTransport(lambda _: httpx.Response(200, json={"text": "made up"}))

    def ask() -> None:
        timeouts.get(f"{loopback_url}/empty")
        with httpx.Client(transport=mock) as client:
            client.get(f"{loopback_url}/models")

    with pytest.raises(RecordingRefusedError, match="real connection"):
        cassette_folder.record(ask)
    assert httpx.HTTPTransport.handle_request is before


@pytest.mark.parametrize(
    ("path", "secret", "reason"),
    [
        ("key", None, "looks like a key"),
        ("spaced", "hello", "contains the key that was used"),
        ("long-binary", "ABCDEFGHIJ", "contains the key that was used"),
        ("large", None, f"bytes of {MAX_CASSETTE_BYTES}"),
    ],
)
def test_refused(
    cassette_folder: CassetteFolder, loopback_url: str, path: str, secret: str | None, reason: str
) -> None:
    """A response that contains a key or is too large is not recorded, but kept elsewhere."""
    before = (cassette_folder.root / CASSETTE).read_bytes()
    cassette_folder.secret = secret
    headers = {"Authorization": f"Bearer {FORGED_KEY}"}
    with pytest.raises(RecordingRefusedError, match=reason):
        cassette_folder.record(lambda: timeouts.get(f"{loopback_url}/{path}", headers=headers))
    assert (cassette_folder.root / CASSETTE).read_bytes() == before
    kept = folder(cassette_folder.root)
    assert f"/v1/{path}" in (kept / CASSETTE).read_text("utf-8")
    for file in filter(Path.is_file, kept.rglob("*")):
        assert FORGED_KEY.encode() not in file.read_bytes()
        assert secret is None or secret.encode() not in file.read_bytes()


def test_only_recording_runs_write(cassette_folder: CassetteFolder, loopback_url: str) -> None:
    """Outside a recording run nothing is written, whatever the mode of vcrpy."""
    before = (cassette_folder.root / CASSETTE).read_bytes()
    cassette_folder.recording = False
    with (
        pytest.raises(RecordingRefusedError, match="--record-mode=rewrite"),
        record_peers(),
        cassette_folder.cassette("all"),
    ):
        timeouts.get(f"{loopback_url}/empty")
    assert (cassette_folder.root / CASSETTE).read_bytes() == before


def test_rerecording_tidies(cassette_folder: CassetteFolder, loopback_url: str) -> None:
    """A new recording removes the bodies that only the old one referenced."""
    cassette_folder.record(lambda: timeouts.get(f"{loopback_url}/empty"))
    assert list((cassette_folder.root / BODIES).iterdir()) == []
    assert audit(cassette_folder.root) == []


def _write(path: str, content: str) -> Callable[[CassetteFolder], None]:
    def tamper(cassette_folder: CassetteFolder) -> None:
        (cassette_folder.root / path).write_text(content, "utf-8")

    return tamper


def _body(cassette_folder: CassetteFolder) -> Path:
    return next((cassette_folder.root / BODIES).iterdir())


def _edit_the_body(cassette_folder: CassetteFolder) -> None:
    _body(cassette_folder).write_bytes(b"x")


def _forge(old: str, new: str) -> Callable[[CassetteFolder], None]:
    return lambda cassette_folder: cassette_folder.forge(old, new)


def _edit_a_letter(cassette_folder: CassetteFolder) -> None:
    text = (cassette_folder.root / CASSETTE).read_text("utf-8")
    (cassette_folder.root / CASSETTE).write_text(
        text.replace("hello", "jello"), "utf-8", newline="\n"
    )


def _move_the_clock(cassette_folder: CassetteFolder) -> None:
    row = read_manifest(cassette_folder.root)[CASSETTE]
    cassette_folder.forge("", "", recorded_at=row.recorded_at + timedelta(hours=1))


def _change_the_peer(cassette_folder: CassetteFolder) -> None:
    row = read_manifest(cassette_folder.root)[CASSETTE]
    peer = row.peers[0].model_copy(update={"ip": "192.0.2.1"})
    cassette_folder.forge("", "", peers=[peer, peer])


def _pass_for_live(cassette_folder: CassetteFolder) -> None:
    shutil.move(cassette_folder.root / "sandbox", cassette_folder.root / "apertis-live")
    row = read_manifest(cassette_folder.root)[CASSETTE].model_copy(
        update={"origin": "apertis-live"}
    )
    write_manifest(cassette_folder.root, {CASSETTE.replace("sandbox", "apertis-live"): row})


TAMPERINGS: dict[str, tuple[Callable[[CassetteFolder], None], str]] = {
    "edited-letter": (_edit_a_letter, "changed after it was recorded"),
    "edited-body": (_edit_the_body, "was changed"),
    "orphan-body": (_write(f"{BODIES}/{'0' * 64}", "x"), "is not in the manifest"),
    "missing-body": (lambda cassette_folder: _body(cassette_folder).unlink(), "it does not exist"),
    "missing-row": (_write(MANIFEST, "{}"), "is not in the manifest"),
    "missing-cassette": (
        lambda cassette_folder: (cassette_folder.root / CASSETTE).unlink(),
        "it does not exist",
    ),
    "broken-manifest": (_write(MANIFEST, '{"x": 1}'), "cannot be read"),
    "stray-file": (_write("sandbox/area/notes.txt", "x"), "is not in the manifest"),
    "no-yaml": (_forge("version", "\x00"), "cannot be read"),
    "no-interactions": (_forge("interactions", "others"), "cannot be read"),
    "leaked-key": (_forge("hello", "sk-sub_0123456789"), "looks like a key"),
    "leaked-header": (_forge("accept:", "authorization:"), "must not be kept: authorization"),
    "leaked-cookie": (_forge("x-request-id:", "set-cookie:"), "must not be kept: set-cookie"),
    "oversize": (_forge("version", "#" * MAX_CASSETTE_BYTES + "\nversion"), "use shorter audio"),
    "other-length": (_forge("hello", "hello!"), "announces"),
    "other-server": (_forge("apertis-audio-sandbox", "nginx"), "does not come from the server"),
    "other-host": (_forge("api.apertis.ai", "example.com"), "was not sent to"),
    "other-body": (_forge("sidecar:", "sidetrack:"), "names other bodies"),
    "no-date": (_forge("date:", "retry-after:"), "has no Date"),
    "wrong-date": (_move_the_clock, "but was recorded at"),
    "other-peer": (_change_the_peer, "loopback address"),
    "no-peer": (lambda cassette_folder: cassette_folder.forge("", "", peers=[]), "but 0 peers"),
    "sandbox-as-live": (_pass_for_live, "without a TLS certificate"),
    "live-in-sandbox": (
        lambda cassette_folder: cassette_folder.forge("", "", origin="apertis-live"),
        "its origin",
    ),
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_tampering_found(cassette_folder: CassetteFolder, tampering: str) -> None:
    """A valid folder has no findings; after tampering, it has one that names the defect."""
    tamper, finding = TAMPERINGS[tampering]
    assert audit(cassette_folder.root) == []
    tamper(cassette_folder)
    assert finding in " ".join(audit(cassette_folder.root))


def test_nothing_recorded(tmp_path: Path) -> None:
    """A repository without cassettes passes the audit."""
    assert audit(tmp_path / "cassettes") == []
