"""Audit of the cassettes: everything was recorded, is complete, and contains no secrets.

Every finding is a sentence. The persister runs the same checks before it writes.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from vcr.serializers import yamlserializer  # type: ignore[import-untyped]
from yaml import YAMLError  # type: ignore[import-untyped]

from support.cassettes.canonical import CANONICAL_ORIGIN, REQUEST_HEADERS, RESPONSE_HEADERS
from support.cassettes.contradictions import LIKE_A_KEY
from support.cassettes.peers import Peer
from support.cassettes.storage import (
    BODIES,
    MANIFEST,
    ORIGINS,
    ManifestRow,
    read_manifest,
    restore_body,
    sha256,
)

MAX_CASSETTE_BYTES = 160 * 1024
"""Enough for two seconds of uncompressed audio in the base64 of a spoken reply."""
CLOCK_TOLERANCE = dt.timedelta(minutes=15)
SANDBOX_SERVER = "apertis-audio-sandbox"


def audit(root: Path) -> list[str]:
    """Return a sentence for each defect of the cassettes below a folder."""
    try:
        rows = read_manifest(root)
    except ValidationError as error:
        return [f"{MANIFEST} cannot be read: {error}"]
    return list(_findings(root, rows))


def _findings(root: Path, rows: dict[str, ManifestRow]) -> Iterator[str]:
    files = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    bodies = {f"{BODIES}/{digest}" for row in rows.values() for digest in row.bodies}
    for name in sorted(files - rows.keys() - bodies - {MANIFEST, "README.md"}):
        yield f"{name} is not in the manifest, so nothing shows that it was recorded."
    for name in sorted(rows.keys() | bodies):
        if name not in files:
            yield f"{name} is in the manifest, but it does not exist."
    for name in sorted(bodies & files):
        if sha256((root / name).read_bytes()) != Path(name).name:
            yield f"{name} was changed: its content does not have the SHA-256 it is named by."
    for name in sorted(rows.keys() & files):
        yield from cassette_findings(
            name, (root / name).read_bytes(), rows[name], lambda digest: _body(root, digest)
        )


def _body(root: Path, digest: str) -> bytes:
    return (root / BODIES / digest).read_bytes()


def cassette_findings(
    name: str, content: bytes, row: ManifestRow, sidecar: Callable[[str], bytes]
) -> Iterator[str]:
    """Yield a sentence for each defect of a cassette, its row in the manifest and its bodies."""
    if len(content) > MAX_CASSETTE_BYTES:
        yield f"{name} has {len(content)} bytes of {MAX_CASSETTE_BYTES}: use shorter audio."
    if sha256(content) != row.sha256:
        yield f"{name} was changed after it was recorded: its SHA-256 is not the manifest's."
    if row.origin not in ORIGINS or not name.startswith(f"{row.origin}/"):
        yield f"{name} does not lie in the folder of its origin, {row.origin!r}."
    try:
        text = content.decode()
        interactions = yamlserializer.deserialize(text)["interactions"]
        if len(interactions) != len(row.peers):
            yield f"{name} has {len(interactions)} interactions, but {len(row.peers)} peers."
        if {i["response"]["body"].get("sidecar") for i in interactions} - {None} != set(row.bodies):
            yield f"{name} names other bodies than the manifest."
        for finding in _content_findings(text, interactions, row, sidecar):
            yield f"{name}: {finding}"
    except (OSError, LookupError, TypeError, ValueError, AttributeError, YAMLError) as error:
        yield f"{name} cannot be read: {type(error).__name__}: {error}"


def _content_findings(
    text: str, interactions: list[dict[str, Any]], row: ManifestRow, sidecar: Callable[[str], bytes]
) -> Iterator[str]:
    if LIKE_A_KEY.search(text):
        yield "something in it looks like a key."
    for number, interaction in enumerate(interactions, start=1):
        body = restore_body(interaction["response"]["body"], sidecar)
        if LIKE_A_KEY.search(body.decode("latin-1")):
            yield f"something in the body of response {number} looks like a key."
        for finding in (
            *_request_findings(interaction["request"]),
            *_response_findings(interaction["response"]["headers"], body, row),
        ):
            yield f"interaction {number} {finding}"
    for number, peer in enumerate(row.peers, start=1):
        for finding in peer_findings(row.origin, peer):
            yield f"interaction {number} {finding}"


def _request_findings(request: dict[str, Any]) -> Iterator[str]:
    if extra := request["headers"].keys() - REQUEST_HEADERS:
        yield f"keeps request headers that must not be kept: {', '.join(sorted(extra))}."
    if not request["uri"].startswith(f"{CANONICAL_ORIGIN}/"):
        yield f"was not sent to {CANONICAL_ORIGIN}, the origin under which all are stored."


def _response_findings(
    headers: dict[str, list[str]], body: bytes, row: ManifestRow
) -> Iterator[str]:
    if extra := headers.keys() - RESPONSE_HEADERS:
        yield f"keeps response headers that must not be kept: {', '.join(sorted(extra))}."
    if row.origin == "sandbox" and headers.get("server") != [SANDBOX_SERVER]:
        yield f"does not come from the server {SANDBOX_SERVER}."
    if headers.get("content-length", [str(len(body))]) != [str(len(body))]:
        yield f"announces {headers['content-length']} bytes and has {len(body)}."
    if "date" not in headers:
        yield "has no Date."
    elif abs(parsedate_to_datetime(headers["date"][0]) - row.recorded_at) > CLOCK_TOLERANCE:
        yield f"is dated {headers['date'][0]}, but was recorded at {row.recorded_at}."


def peer_findings(origin: str, peer: Peer) -> Iterator[str]:
    """Yield a sentence for each defect of a connection's other end, for an origin."""
    if origin == "sandbox":
        if not peer.ip.is_loopback:
            yield f"came from {peer.ip}; a sandbox has a loopback address."
        return
    if peer.host != "apertis.ai" and not peer.host.endswith(".apertis.ai"):
        yield f"came from {peer.host}, which is not the service."
    if not peer.ip.is_global:
        yield f"came from {peer.ip}; the service has a public address."
    if peer.certificate_sha256 is None:
        yield "came over a connection without a TLS certificate."
