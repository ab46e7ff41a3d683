"""How cassettes lie on disk: readable YAML, binary bodies beside it, and the manifest.

Bodies come back byte for byte: JSON is shown indented only where one of two common ways of
writing it gives the very bytes that were received.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from pydantic import AwareDatetime, BaseModel, RootModel

from support.cassettes.peers import Peer

ORIGINS = ("apertis-live", "sandbox")
"""Where recordings come from; of two recordings of one test, the first of these is replayed."""

BODIES, MANIFEST = "_bodies", "MANIFEST.json"
SIDECAR_BYTES = 2048
_JSON_WRITTEN: dict[str, dict[str, Any]] = {
    "compact": {"separators": (",", ":"), "ensure_ascii": False},
    "spaced": {"ensure_ascii": False},
}


class Row(BaseModel, frozen=True, extra="forbid"):
    """What the manifest says of one cassette.

    Attributes:
        sha256: Of the YAML file.
        bodies: The SHA-256 of each body kept beside it, which is also its file name.
        origin: One of `ORIGINS`.
        recorded_at: When the recording was written.
        recorded_with: Names and versions of the programs that recorded.
        peers: The other end of the connection of each interaction, in order.
    """

    sha256: str
    bodies: list[str]
    origin: str
    recorded_at: AwareDatetime
    recorded_with: dict[str, str]
    peers: list[Peer]


class Manifest(RootModel[dict[str, Row]]):
    """The rows, by the path of the cassette below its root."""


def sha256(content: bytes) -> str:
    """The digest by which files are named and compared."""
    return hashlib.sha256(content).hexdigest()


def now() -> dt.datetime:
    """The moment of a recording, in whole seconds UTC like a Date header."""
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


def read_manifest(root: Path) -> dict[str, Row]:
    """The rows by cassette; none when nothing has been recorded yet."""
    path = root / MANIFEST
    return Manifest.model_validate_json(path.read_bytes()).root if path.exists() else {}


def write_manifest(root: Path, rows: dict[str, Row]) -> None:
    """Replace the manifest in one step."""
    draft = root / f"{MANIFEST}.new"
    rows = {name: rows[name] for name in sorted(rows)}
    draft.write_bytes(Manifest(rows).model_dump_json(indent=2).encode() + b"\n")
    draft.replace(root / MANIFEST)


def stored_body(content: bytes) -> dict[str, Any]:
    """A body as the YAML shows it; a long binary one is only named."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        if len(content) > SIDECAR_BYTES:
            return {"sidecar": sha256(content), "bytes": len(content)}
        return {"string": content}
    return _indented(text) or {"string": text}


def restored_body(stored: dict[str, Any], sidecar: Callable[[str], bytes]) -> bytes:
    """The very bytes that were received."""
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
    """Texts of several lines are written as such."""


def _text(dumper: Any, text: str) -> Any:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_ReadableDumper.add_representer(str, _text)


class ReadableYaml:
    """The serializer of the cassettes; what it writes, vcrpy's own can read."""

    @staticmethod
    def serialize(cassette: dict[str, Any]) -> str:
        """The YAML text, in the order in which things happened."""
        options = {"sort_keys": False, "allow_unicode": True, "width": float("inf")}
        return str(yaml.dump(cassette, Dumper=_ReadableDumper, **options))
