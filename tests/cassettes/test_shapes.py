"""After a new recording, what changed in the shape of the answers is told, and nothing else."""

import json
import subprocess
from pathlib import Path

import pytest

from support.cassettes.local_recording import CASSETTE, Shelf
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
    """A cassette of one answer, or of the same several times."""
    text = body if isinstance(body, str) else json.dumps(body)
    given = {"content-type": [f"{media_type}; charset=utf-8"]}
    interaction = {
        "request": {
            "method": "POST",
            "uri": "https://api.apertis.ai/v1/x",
            "body": "",
            "headers": {},
        },
        "response": {
            "status": {"code": status, "message": "OK"},
            "headers": given | {name: [value] for name, value in headers.items()},
            "body": {"string": text},
        },
    }
    return ReadableYaml.serialize({"interactions": [interaction] * times, "version": 1}).encode()


def compared(old: bytes, new: bytes) -> list[str]:
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
    """Other values, other order, more of the same: the shape is as it was."""
    assert compared(cassette(BEFORE, date="a"), cassette(after, date="b")) == []


@pytest.mark.parametrize(
    ("new", "told"),
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
            ["- {} 200: answered as application/json", "+ {} 201: answered as application/json"],
        ),
        (cassette(BEFORE, times=2), ["- interactions: 1", "+ interactions: 2"]),
    ],
    ids=["type", "key", "inner-key", "header", "status", "count"],
)
def test_changes_are_told(new: bytes, told: list[str]) -> None:
    """A type, a key, a header, a status, the number of answers: each is a line of its own."""
    lines = [f"  {line.format('POST /v1/x')}" for line in told]
    assert compared(cassette(BEFORE), new) == [NAME, *lines]


def test_media_type() -> None:
    """What used to be JSON and is a page now has lost all its keys."""
    lines = compared(cassette({"text": "one"}), cassette("<html>", media_type="text/html"))
    assert "  + POST /v1/x 200: answered as text/html" in lines
    assert "  - POST /v1/x has body.text: string" in lines


def test_events() -> None:
    """Of a stream each event has a shape."""
    old = cassette('data: {"a": 1}\n\ndata: [DONE]\n\n', media_type="text/event-stream")
    new = cassette('data: {"a": "1"}\n\n', media_type="text/event-stream")
    assert compared(old, new) == [
        NAME,
        "  - POST /v1/x has a line 'data: [DONE]'",
        "  - POST /v1/x has event.a: number",
        "  + POST /v1/x has event.a: string",
    ]


def test_come_and_gone() -> None:
    """New cassettes and missing ones are named, and those that changed alike are told together."""
    names = [f"sandbox/area/test_{number}.yaml" for number in range(7)]
    old = shapes(dict.fromkeys(names, cassette({"a": 1})))
    assert differences(old, {}) == [f"{', '.join(names[:5])} and 2 more", "  is gone"]
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
        "  is new; unlike the stand-in's:",
        "  - POST /v1/x has body.a: number",
        "  + POST /v1/x has body.a: null",
    ]


def test_since_the_last_commit(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    """What is on disk is compared with what git has."""
    git = ["git", "-C", str(shelf.root), "-c", "user.name=x", "-c", "user.email=x@x"]
    git += ["-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *command], check=True)
    main(shelf.root)
    assert "(cassettes: 1):\nnothing changed\n" in capsys.readouterr().out
    assert committed(shelf.root) == {
        name: content for name, content in on_disk(shelf.root).items() if ".git/" not in name
    }
    shelf.forge("x-request-id:", "retry-after:")
    main(shelf.root)
    told = capsys.readouterr().out
    assert CASSETTE in told
    assert "  - GET /v1/spaced has the header x-request-id\n" in told
    assert "  + GET /v1/spaced has the header retry-after\n" in told


def test_this_repository(pytestconfig: pytest.Config) -> None:
    """The cassettes of this repository can be compared, bodies beside them too."""
    found = shapes(on_disk(Path(pytestconfig.rootpath) / "cassettes"))
    assert all(len(shape) > 3 for shape in found.values())
    assert differences(found, found) == []
