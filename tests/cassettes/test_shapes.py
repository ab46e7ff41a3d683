"""After a new recording, changes in the shape of responses are printed, and nothing else."""

import json
import subprocess
from pathlib import Path

import pytest

from support.cassettes.local_recording import CASSETTE, CassetteFolder
from support.cassettes.shapes import committed, differences, main, on_disk, shapes
from support.cassettes.storage import ReadableYaml

NAME = "sandbox/area/test_it.yaml"


def cassette(
    body: object = None,
    status: int = 200,
    media_type: str = "application/json",
    times: int = 1,
    **headers: str,
) -> bytes:
    """Return a cassette of one response, or of several equal ones."""
    text = body if isinstance(body, str) else json.dumps(body)
    fields = {"content-type": [f"{media_type}; charset=utf-8"]}
    interaction = {
        "request": {
            "method": "POST",
            "uri": "https://api.apertis.ai/v1/x",
            "body": "",
            "headers": {},
        },
        "response": {
            "status": {"code": status, "message": "OK"},
            "headers": fields | {name: [value] for name, value in headers.items()},
            "body": {"string": text},
        },
    }
    return ReadableYaml.serialize({"interactions": [interaction] * times, "version": 1}).encode()


def compare(old: bytes, new: bytes) -> list[str]:
    return differences(shapes({NAME: old}), shapes({NAME: new}))


BEFORE = {"text": "one", "duration": 1, "segments": [{"id": 0, "end": 1.5}, {"id": 1, "end": 2}]}


@pytest.mark.parametrize(
    "after",
    [
        {"text": "other", "duration": 2.5, "segments": [{"id": 7, "end": 0}]},
        {"segments": [{"end": 1, "id": 1}] * 9, "duration": 0, "text": ""},
    ],
)
def test_values_are_no_change(after: object) -> None:
    """Other values, another order and more items of the same kind do not change the shape."""
    assert compare(cassette(BEFORE, date="a"), cassette(after, date="b")) == []


@pytest.mark.parametrize(
    ("new", "changes"),
    [
        (
            cassette({**BEFORE, "text": None}),
            ["- {} has body.text: string", "+ {} has body.text: null"],
        ),
        (cassette({**BEFORE, "more": True}), ["+ {} has body.more: boolean"]),
        (
            cassette({**BEFORE, "segments": [{"id": 0}]}),
            ["- {} has body.segments[].end: number"],
        ),
        (cassette(BEFORE, server="x"), ["+ {} has the header server"]),
        (
            cassette(BEFORE, status=201),
            ["- {} 200: media type application/json", "+ {} 201: media type application/json"],
        ),
        (cassette(BEFORE, times=2), ["- interactions: 1", "+ interactions: 2"]),
    ],
    ids=["type", "key", "inner-key", "header", "status", "count"],
)
def test_changes_are_printed(new: bytes, changes: list[str]) -> None:
    """A changed type, key, header, status or number of responses has a line of its own."""
    lines = [f"  {line.format('POST /v1/x')}" for line in changes]
    assert compare(cassette(BEFORE), new) == [NAME, *lines]


def test_media_type() -> None:
    """A response that was JSON and is a page now has lost all its keys."""
    lines = compare(cassette({"text": "one"}), cassette("<html>", media_type="text/html"))
    assert "  + POST /v1/x 200: media type text/html" in lines
    assert "  - POST /v1/x has body.text: string" in lines


def test_events() -> None:
    """Each event of a stream has a shape."""
    old = cassette('data: {"a": 1}\n\ndata: [DONE]\n\n', media_type="text/event-stream")
    new = cassette('data: {"a": "1"}\n\n', media_type="text/event-stream")
    assert compare(old, new) == [
        NAME,
        "  - POST /v1/x has a line 'data: [DONE]'",
        "  - POST /v1/x has event.a: number",
        "  + POST /v1/x has event.a: string",
    ]


def test_new_and_removed() -> None:
    """New and removed cassettes are named, and those with the same change are listed together."""
    names = [f"sandbox/area/test_{number}.yaml" for number in range(7)]
    old = shapes(dict.fromkeys(names, cassette({"a": 1})))
    assert differences(old, {}) == [f"{', '.join(names[:5])} and 2 more", "  was removed"]
    assert differences({}, old) == [f"{', '.join(names[:5])} and 2 more", "  is new"]


def test_the_service_beside_its_stand_in() -> None:
    """The first recording of the service itself is compared with the stand-in's."""
    old = shapes({NAME: cassette({"a": 1})})
    live = NAME.replace("sandbox", "apertis-live")
    same = {live: cassette({"a": 2}), NAME: cassette({"a": 1})}
    assert differences(old, shapes(same)) == []
    other = {live: cassette({"a": None}), NAME: cassette({"a": 1})}
    assert differences(old, shapes(other)) == [
        live,
        "  is new; differs from the stand-in's:",
        "  - POST /v1/x has body.a: number",
        "  + POST /v1/x has body.a: null",
    ]


def test_since_the_last_commit(
    cassette_folder: CassetteFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    """The files on disk are compared with those of the last commit."""
    git = ["git", "-C", str(cassette_folder.root), "-c", "user.name=x", "-c", "user.email=x@x"]
    git += ["-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *command], check=True)
    main(cassette_folder.root)
    assert "(cassettes: 1):\nno changes\n" in capsys.readouterr().out
    assert committed(cassette_folder.root) == {
        name: content
        for name, content in on_disk(cassette_folder.root).items()
        if ".git/" not in name
    }
    cassette_folder.forge("x-request-id:", "retry-after:")
    main(cassette_folder.root)
    output = capsys.readouterr().out
    assert CASSETTE in output
    assert "  - GET /v1/spaced has the header x-request-id\n" in output
    assert "  + GET /v1/spaced has the header retry-after\n" in output


def test_this_repository(pytestconfig: pytest.Config) -> None:
    """The cassettes of this repository have shapes, including bodies in separate files."""
    recorded = shapes(on_disk(Path(pytestconfig.rootpath) / "cassettes"))
    assert all(len(shape) > 3 for shape in recorded.values())
    assert differences(recorded, recorded) == []
