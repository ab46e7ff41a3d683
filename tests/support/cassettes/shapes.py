"""What changed in the shape of the answers since the last commit.

Run it as `python -m cassette_tools.shapes`.

A recording differs from the one before in every value, which says nothing. Its shape is the status,
the names of the headers that cassettes keep, the media type, and the structure of the JSON with the
types in it. A cassette of the service without an older one is compared with the stand-in's.
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

from support.cassettes.canonical import media_type
from support.cassettes.storage import BODIES, ORIGINS, restored_body

Shape = frozenset[str]
Files = Mapping[str, bytes]

LIVE, SANDBOX = ORIGINS
_CASSETTES_SHOWN = 5


def shapes(files: Files) -> dict[str, Shape]:
    """The shape of each cassette, as sentences of which each can change by itself."""
    return {
        name: frozenset(_sentences(content, lambda digest: files[f"{BODIES}/{digest}"]))
        for name, content in files.items()
        if name.endswith(".yaml")
    }


def differences(old: Mapping[str, Shape], new: Mapping[str, Shape]) -> list[str]:
    """What is different, as lines; cassettes that changed alike are told of together."""
    changed: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name in sorted(old.keys() | new.keys()):
        if lines := _changes(_baseline(old, name), new.get(name), is_new=name not in old):
            changed[lines].append(name)
    return [line for lines, names in changed.items() for line in (_listed(names), *lines)]


def _baseline(old: Mapping[str, Shape], name: str) -> Shape | None:
    return old.get(name, old.get(name.replace(LIVE, SANDBOX, 1)))


def _changes(before: Shape | None, after: Shape | None, *, is_new: bool) -> tuple[str, ...]:
    if after is None:
        return ("  is gone",)
    if before is None:
        return ("  is new",)
    first = ("  is new; unlike the stand-in's:",) if is_new and before != after else ()
    gone = (f"  - {sentence}" for sentence in sorted(before - after))
    come = (f"  + {sentence}" for sentence in sorted(after - before))
    return (*first, *gone, *come)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _CASSETTES_SHOWN} more" if len(names) > _CASSETTES_SHOWN else ""
    return ", ".join(names[:_CASSETTES_SHOWN]) + more


def _sentences(content: bytes, sidecar: Callable[[str], bytes]) -> Iterator[str]:
    interactions = yamlserializer.deserialize(content.decode())["interactions"]
    yield f"interactions: {len(interactions)}"
    for interaction in interactions:
        request, response = interaction["request"], interaction["response"]
        place = f"{request['method']} {urlsplit(request['uri']).path}"
        headers = response["headers"]
        kind = media_type(headers.get("content-type", [""])[0])
        yield f"{place} {response['status']['code']}: answered as {kind or 'nothing'}"
        yield from (f"{place} has the header {name}" for name in headers)
        body = restored_body(response["body"], sidecar)
        yield from (f"{place} has {found}" for found in _structure(kind, body))


def _structure(kind: str, body: bytes) -> Iterator[str]:
    if kind == "application/json":
        yield from _types("body", json.loads(body))
    elif kind == "text/event-stream":
        for line in body.decode().splitlines():
            data = line.removeprefix("data: ")
            if data.startswith("{"):
                yield from _types("event", json.loads(data))
            elif line:
                yield f"a line {line[:80]!r}"
    else:
        yield "a body" if body else "no body"


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
    """What lies in a folder of cassettes now."""
    found = (path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


def committed(root: Path) -> Files:
    """What lay there at the last commit."""
    git = ["git", "-C", str(root), "archive", "HEAD", "."]
    packed = subprocess.run(git, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        return {
            member.name: file.read()
            for member in archive
            if (file := archive.extractfile(member)) is not None
        }


def main(root: Path) -> None:
    """Print what changed."""
    new = shapes(on_disk(root))
    lines = differences(shapes(committed(root)), new)
    sys.stdout.write(f"The shape of the answers since the last commit (cassettes: {len(new)}):\n")
    sys.stdout.writelines(f"{line}\n" for line in lines or ["nothing changed"])


if __name__ == "__main__":
    main(Path(__file__).parents[3] / "cassettes")
