"""The storage of cassettes: readable YAML, binary bodies in separate files, and the manifest.

Bodies are restored byte for byte: JSON is stored indented only if one of two common ways to write
it reproduces the received bytes.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from pydantic import AwareDatetime, BaseModel, RootModel
from vcr.request import Request  # type: ignore[import-untyped]
from vcr.serialize import serialize  # type: ignore[import-untyped]

from support.cassettes.peers import Peer

ORIGINS = ("apertis-live", "sandbox")
"""Origins of recordings, in the order in which a replay prefers them."""

BODIES, MANIFEST = "_bodies", "MANIFEST.json"
SIDECAR_BYTES = 2048
Bodies = Mapping[str, bytes]
_JSON_WRITTEN: dict[str, dict[str, Any]] = {
    "compact": {"separators": (",", ":"), "ensure_ascii": False},
    "spaced": {"ensure_ascii": False},
}


class ManifestRow(BaseModel, frozen=True, extra="forbid"):
    """The row of a cassette in the manifest.

    Attributes:
        sha256: SHA-256 of the YAML file.
        bodies: SHA-256 of each body in a separate file, which is also the file's name.
        origin: One of `ORIGINS`.
        recorded_at: Time at which the recording was written.
        recorded_with: Names and versions of the recording programs.
        peers: Other end of the connection of each interaction, in order.
    """

    sha256: str
    bodies: list[str]
    origin: str
    recorded_at: AwareDatetime
    recorded_with: dict[str, str]
    peers: list[Peer]


class Manifest(RootModel[dict[str, ManifestRow]]):
    """Rows by the path of the cassette below the root."""


def sha256(content: bytes) -> str:
    """Return the SHA-256 of a file's content in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def now() -> dt.datetime:
    """Return the current time in UTC, in whole seconds like a Date header."""
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


def read_manifest(root: Path) -> dict[str, ManifestRow]:
    """Return the rows by cassette, or none if nothing has been recorded yet."""
    path = root / MANIFEST
    return Manifest.model_validate_json(path.read_bytes()).root if path.exists() else {}


def write_manifest(root: Path, rows: dict[str, ManifestRow]) -> None:
    """Replace the manifest in one step."""
    draft = root / f"{MANIFEST}.new"
    rows = {name: rows[name] for name in sorted(rows)}
    draft.write_bytes(Manifest(rows).model_dump_json(indent=2).encode() + b"\n")
    draft.replace(root / MANIFEST)


def store_body(content: bytes) -> dict[str, Any]:
    """Return the representation of a body in YAML; long binary bodies are only referenced."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        if len(content) > SIDECAR_BYTES:
            return {"sidecar": sha256(content), "bytes": len(content)}
        return {"string": content}
    return _indented(text) or {"string": text}


def restore_body(stored: dict[str, Any], sidecar: Callable[[str], bytes]) -> bytes:
    """Return the bytes that were received."""
    if "sidecar" in stored:
        return sidecar(stored["sidecar"])
    content = stored["string"]
    if "json" in stored:
        content = json.dumps(json.loads(content), **_JSON_WRITTEN[stored["json"]])
    return content if isinstance(content, bytes) else content.encode()


def _indented(text: str) -> dict[str, str] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    for name, style in _JSON_WRITTEN.items():
        if isinstance(value, dict | list) and json.dumps(value, **style) == text:
            return {"string": json.dumps(value, indent=2, ensure_ascii=False), "json": name}
    return None


class _ReadableDumper(yaml.SafeDumper):  # type: ignore[misc]
    """A dumper that writes multi-line texts as blocks."""


def _text(dumper: Any, text: str) -> Any:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_ReadableDumper.add_representer(str, _text)


class ReadableYaml:
    """A serializer of cassettes whose output vcrpy's own serializer can read."""

    @staticmethod
    def serialize(cassette: dict[str, Any]) -> str:
        """Return the YAML text, with keys in their original order."""
        options = {"sort_keys": False, "allow_unicode": True, "width": float("inf")}
        return str(yaml.dump(cassette, Dumper=_ReadableDumper, **options))


def pack(requests: list[Request], responses: list[dict[str, Any]]) -> tuple[bytes, Bodies]:
    """Return the YAML of a cassette, and the bodies in separate files by their SHA-256."""
    stored = [
        {
            "status": response["status"],
            "headers": response["headers"],
            "body": store_body(response["body"]["string"]),
        }
        for response in responses
    ]
    text: str = serialize({"requests": requests, "responses": stored}, ReadableYaml)
    bodies = [response["body"]["string"] for response in responses]
    return text.encode(), {sha256(body): body for body in bodies if "sidecar" in store_body(body)}


def write_files(root: Path, name: str, content: bytes, bodies: Bodies) -> None:
    """Write a cassette and its bodies below a folder."""
    files = {f"{BODIES}/{digest}": body for digest, body in bodies.items()} | {name: content}
    for path, body in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(body)
