"""Print the changes in the shape of the recorded responses since the last commit.

Run it as `PYTHONPATH=tests python -m support.cassettes.shapes`.

A new recording differs from the previous one in every value, which means nothing. The shape of a
response is its status, the names of the headers that cassettes keep, its media type, and the
structure and types of its JSON. A cassette of the service without a predecessor is compared with
the stand-in's. Responses that contradicted a test or the audit are compared as well.
"""

import io
import json
import subprocess
import sys
import tarfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from vcr.serializers import yamlserializer  # type: ignore[import-untyped]

from support.cassettes import contradictions
from support.cassettes.canonical import media_type
from support.cassettes.storage import BODIES, ORIGINS, restore_body

Shape = frozenset[str]
Files = Mapping[str, bytes]

LIVE, SANDBOX = ORIGINS
_CASSETTES_SHOWN = 5


def shapes(files: Files) -> dict[str, Shape]:
    """Return the shape of each cassette, as a set of independent sentences."""
    return {
        name: frozenset(_sentences(content, lambda digest: files[f"{BODIES}/{digest}"]))
        for name, content in files.items()
        if name.endswith(".yaml")
    }


def differences(old: Mapping[str, Shape], new: Mapping[str, Shape]) -> list[str]:
    """Return the differences as lines; cassettes with the same change are listed together."""
    changed: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name in sorted(old.keys() | new.keys()):
        if lines := _changes(_baseline(old, name), new.get(name), is_new=name not in old):
            changed[lines].append(name)
    return [line for lines, names in changed.items() for line in (_listed(names), *lines)]


def contradicted(old: Mapping[str, Shape], new: Mapping[str, Shape]) -> list[str]:
    """Return each cassette that could not be recorded, and what is different in its shape."""
    return [line for name in sorted(new) for line in (name, *_contradictions(old, name, new[name]))]


def _contradictions(old: Mapping[str, Shape], name: str, after: Shape) -> tuple[str, ...]:
    before = _baseline(old, name)
    if before == after:
        return ("  has the shape of the committed cassette, but its values contradict the test",)
    return _changes(before, after, is_new=False)


def _baseline(old: Mapping[str, Shape], name: str) -> Shape | None:
    return old.get(name, old.get(name.replace(LIVE, SANDBOX, 1)))


def _changes(before: Shape | None, after: Shape | None, *, is_new: bool) -> tuple[str, ...]:
    if after is None:
        return ("  was removed",)
    if before is None:
        return ("  is new",)
    first = ("  is new; differs from the stand-in's:",) if is_new and before != after else ()
    removed = (f"  - {sentence}" for sentence in sorted(before - after))
    added = (f"  + {sentence}" for sentence in sorted(after - before))
    return (*first, *removed, *added)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _CASSETTES_SHOWN} more" if len(names) > _CASSETTES_SHOWN else ""
    return ", ".join(names[:_CASSETTES_SHOWN]) + more


def _sentences(content: bytes, sidecar: Callable[[str], bytes]) -> Iterator[str]:
    interactions = yamlserializer.deserialize(content.decode())["interactions"]
    yield f"interactions: {len(interactions)}"
    for interaction in interactions:
        request, response = interaction["request"], interaction["response"]
        endpoint = f"{request['method']} {urlsplit(request['uri']).path}"
        headers = response["headers"]
        kind = media_type(headers.get("content-type", [""])[0])
        yield f"{endpoint} {response['status']['code']}: media type {kind or 'none'}"
        yield from (f"{endpoint} has the header {name}" for name in headers)
        body = restore_body(response["body"], sidecar)
        yield from (f"{endpoint} has {part}" for part in _structure(kind, body))


def _structure(kind: str, body: bytes) -> Iterator[str]:
    if kind == "application/json":
        yield from _json_types("body", body)
    elif kind == "text/event-stream":
        for line in body.decode(errors="replace").splitlines():
            data = line.removeprefix("data: ")
            if data.startswith("{"):
                yield from _json_types("event", data)
            elif line:
                yield f"a line {line[:80]!r}"
    else:
        yield "a body" if body else "no body"


def _json_types(path: str, text: bytes | str) -> Iterator[str]:
    try:
        yield from _types(path, json.loads(text))
    except (ValueError, RecursionError):
        yield f"{path}: not JSON"


def _types(path: str, value: Any) -> Iterator[str]:
    match value:
        case dict():
            yield f"{path}: object"
            for key, inner in value.items():
                yield from _types(f"{path}.{key}", inner)
        case list():
            yield f"{path}: array"
            for inner in value:
                yield from _types(f"{path}[]", inner)
        case bool():
            yield f"{path}: boolean"
        case int() | float():
            yield f"{path}: number"
        case _:
            yield f"{path}: {'null' if value is None else 'string'}"


def on_disk(root: Path) -> Files:
    """Return the files in a folder of cassettes."""
    files = (path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def committed(root: Path) -> Files:
    """Return the files of the last commit."""
    git = ["git", "-C", str(root), "archive", "HEAD", "."]
    packed = subprocess.run(git, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        return {
            member.name: file.read()
            for member in archive
            if (file := archive.extractfile(member)) is not None
        }


def main(root: Path) -> None:
    """Print the differences."""
    old, new = shapes(committed(root)), shapes(on_disk(root))
    kept = shapes(on_disk(contradictions.folder(root)))
    title = f"Changes in the shape of responses since the last commit (cassettes: {len(new)})"
    _print(title, differences(old, new) or ["no changes"])
    if kept:
        title = f"Contradictions, kept in {contradictions.FOLDER}/ (cassettes: {len(kept)})"
        _print(title, contradicted(old, kept))


def _print(title: str, lines: list[str]) -> None:
    sys.stdout.write(f"{title}:\n")
    sys.stdout.writelines(f"{line}\n" for line in lines)


if __name__ == "__main__":
    main(Path(__file__).parents[3] / "cassettes")
