"""Writes a recording, if it is one, and reads it back."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from vcr.persisters.filesystem import CassetteNotFoundError  # type: ignore[import-untyped]
from vcr.request import Request  # type: ignore[import-untyped]
from vcr.serialize import deserialize, serialize  # type: ignore[import-untyped]

from support.cassettes.audit import cassette_findings
from support.cassettes.storage import (
    BODIES,
    ReadableYaml,
    Row,
    now,
    read_manifest,
    restored_body,
    sha256,
    stored_body,
    write_manifest,
)

RECORDERS = ("apertis-audio-tools", "httpx", "httpcore", "vcrpy", "pytest-recording")


class RecordingRefusedError(Exception):
    """What was about to be written would not pass the audit."""


@dataclass(frozen=True)
class Persister:
    """Keeps cassettes below `root`; vcrpy calls it.

    Attributes:
        root: The folder of the manifest.
        recording: Whether this run may write.
        secret: The key in use, which must appear nowhere.
        refused: What was not written. vcrpy leaves its patches in place when it is interrupted
            while it saves, so a refusal waits here for `require_saved`.
    """

    root: Path
    recording: bool
    secret: str | None = field(default=None, repr=False)
    refused: list[str] = field(default_factory=list)

    def load_cassette(self, cassette_path: str, serializer: Any) -> tuple[list[Request], list[Any]]:
        """Requests and answers as they were, with bodies from beside the cassette put back."""
        path = Path(cassette_path)
        if not path.is_file():
            raise CassetteNotFoundError
        requests, responses = deserialize(path.read_text("utf-8"), serializer)
        for response in responses:
            response["body"] = {"string": restored_body(response["body"], self._sidecar)}
        return requests, responses

    def save_cassette(
        self, cassette_path: str, cassette_dict: Mapping[str, Any], serializer: Any
    ) -> None:
        """Write the cassette, its bodies and its row; refuse what the audit would find."""
        del serializer  # what is written is readable YAML, whatever vcrpy would take
        try:
            self._save(cassette_path, cassette_dict)
        except RecordingRefusedError as error:
            self.refused.append(str(error))

    def require_saved(self) -> None:
        """Fail if something was refused since this was last asked."""
        refused = " ".join(self.refused)
        self.refused.clear()
        if refused:
            raise RecordingRefusedError(refused)

    def _save(self, cassette_path: str, cassette_dict: Mapping[str, Any]) -> None:
        name = Path(cassette_path).relative_to(self.root).as_posix()
        requests, responses = cassette_dict["requests"], cassette_dict["responses"]
        if not self.recording:
            raise RecordingRefusedError(f"{name}: only pytest --record-mode=rewrite may write.")
        if any("peer" not in response for response in responses):
            raise RecordingRefusedError(f"{name}: an answer did not come over a real connection.")
        bodies = [response["body"]["string"] for response in responses]
        sidecars = {sha256(body): body for body in bodies if "sidecar" in stored_body(body)}
        content = _yaml(requests, responses)
        row = _row(name, content, responses, sidecars)
        findings = list(cassette_findings(name, content, row, sidecars.__getitem__))
        if self.secret and any(self.secret.encode() in part for part in (content, *bodies)):
            findings.append(f"{name} contains the key that was used.")
        if findings:
            raise RecordingRefusedError(" ".join(findings))
        self._write(name, content, row, sidecars)

    def _sidecar(self, digest: str) -> bytes:
        return (self.root / BODIES / digest).read_bytes()

    def _write(self, name: str, content: bytes, row: Row, sidecars: Mapping[str, bytes]) -> None:
        files = {f"{BODIES}/{digest}": body for digest, body in sidecars.items()} | {name: content}
        for path, body in files.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_bytes(body)
        rows = read_manifest(self.root) | {name: row}
        rows = {other: row for other, row in rows.items() if (self.root / other).exists()}
        write_manifest(self.root, rows)
        named = {digest for row in rows.values() for digest in row.bodies}
        for leftover in (self.root / BODIES).glob("*"):
            if leftover.name not in named:
                leftover.unlink()


def _yaml(requests: list[Request], responses: list[dict[str, Any]]) -> bytes:
    kept = [
        {
            "status": response["status"],
            "headers": response["headers"],
            "body": stored_body(response["body"]["string"]),
        }
        for response in responses
    ]
    text: str = serialize({"requests": requests, "responses": kept}, ReadableYaml)
    return text.encode()


def _row(
    name: str, content: bytes, responses: list[dict[str, Any]], sidecars: Mapping[str, bytes]
) -> Row:
    return Row(
        sha256=sha256(content),
        bodies=sorted(sidecars),
        origin=name.partition("/")[0],
        recorded_at=now(),
        recorded_with={"python": platform.python_version()}
        | {package: version(package) for package in RECORDERS},
        peers=[response["peer"] for response in responses],
    )
