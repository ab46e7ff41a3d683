"""Write and read cassettes; refuse to write anything that the audit would reject."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from vcr.persisters.filesystem import CassetteNotFoundError  # type: ignore[import-untyped]
from vcr.request import Request  # type: ignore[import-untyped]
from vcr.serialize import deserialize  # type: ignore[import-untyped]

from support.cassettes import contradictions
from support.cassettes.audit import cassette_findings
from support.cassettes.storage import (
    BODIES,
    ManifestRow,
    now,
    pack,
    read_manifest,
    restore_body,
    sha256,
    write_files,
    write_manifest,
)

RECORDERS = ("apertis-audio-tools", "httpx", "httpcore", "vcrpy", "pytest-recording")


class RecordingRefusedError(Exception):
    """A cassette would not pass the audit."""


@dataclass(frozen=True)
class Persister:
    """A persister for vcrpy that keeps cassettes below `root`.

    Attributes:
        root: Folder of the manifest.
        recording: True if this run may write.
        secret: API key in use, which must appear nowhere.
        refused: Reasons of refusals. vcrpy leaves its patches in place if saving raises, so
            `require_saved` raises them later.
    """

    root: Path
    recording: bool
    secret: str | None = field(default=None, repr=False)
    refused: list[str] = field(default_factory=list)

    def load_cassette(self, cassette_path: str, serializer: Any) -> tuple[list[Request], list[Any]]:
        """Return the recorded requests and responses, unless they are recorded anew."""
        path = Path(cassette_path)
        if self.recording or not path.is_file():
            raise CassetteNotFoundError
        requests, responses = deserialize(path.read_text("utf-8"), serializer)
        for response in responses:
            response["body"] = {"string": restore_body(response["body"], self._sidecar)}
        return requests, responses

    def save_cassette(
        self, cassette_path: str, cassette_dict: Mapping[str, Any], serializer: Any
    ) -> None:
        """Write a cassette, its bodies and its row, or record why the audit would reject them."""
        del serializer  # cassettes are always written as readable YAML
        try:
            self._save(cassette_path, cassette_dict)
        except RecordingRefusedError as error:
            self.refused.append(str(error))

    def require_saved(self) -> None:
        """Raise if writing was refused since the last call."""
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
            raise RecordingRefusedError(f"{name}: a response did not come over a real connection.")
        content, sidecars = pack(requests, responses)
        row = _row(name, content, responses, sidecars)
        findings = list(cassette_findings(name, content, row, sidecars.__getitem__))
        bodies = (response["body"]["string"] for response in responses)
        if self.secret and any(self.secret.encode() in part for part in (content, *bodies)):
            findings.append(f"{name} contains the key that was used.")
        if findings:
            self.keep(name, requests, responses)
            raise RecordingRefusedError(" ".join(findings))
        self._write(name, content, row, sidecars)

    def keep(self, name: str, requests: list[Request], responses: list[dict[str, Any]]) -> None:
        """Keep what is not recorded, because it contradicts a test or the audit."""
        contradictions.keep(
            contradictions.folder(self.root), name, requests, responses, self.secret
        )

    def _sidecar(self, digest: str) -> bytes:
        return (self.root / BODIES / digest).read_bytes()

    def _write(
        self, name: str, content: bytes, row: ManifestRow, sidecars: Mapping[str, bytes]
    ) -> None:
        write_files(self.root, name, content, sidecars)
        rows = read_manifest(self.root) | {name: row}
        rows = {other: row for other, row in rows.items() if (self.root / other).exists()}
        write_manifest(self.root, rows)
        referenced = {digest for row in rows.values() for digest in row.bodies}
        for leftover in (self.root / BODIES).glob("*"):
            if leftover.name not in referenced:
                leftover.unlink()


def _row(
    name: str, content: bytes, responses: list[dict[str, Any]], sidecars: Mapping[str, bytes]
) -> ManifestRow:
    return ManifestRow(
        sha256=sha256(content),
        bodies=sorted(sidecars),
        origin=name.partition("/")[0],
        recorded_at=now(),
        recorded_with={"python": platform.python_version()}
        | {package: version(package) for package in RECORDERS},
        peers=[response["peer"] for response in responses],
    )
