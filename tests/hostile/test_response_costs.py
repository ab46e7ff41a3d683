"""Reading a hostile response up to its size limit takes little memory and linear time."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.hostile.responses import RESPONSES, HostileResponse
from support.loopback_server import Behaviour, Exchange, LoopbackServer
from support.scripted_responses import respond_json

pytestmark = pytest.mark.timeout(600)
MEBIBYTE = 1 << 20
MAX_SECONDS = 20.0
"""Of the processor, for two calls on a slow machine; quadratic readers take minutes."""

MEASURE_RESPONSES = Path(__file__).parents[1] / "support" / "processes" / "measure_responses.py"
ACCEPTED = {
    "words in an unknown field",
    "objects in an unknown field",
    "30,000 segments",
    "30,000 segments with all fields",
    "one long text",
    "escapes",
    "srt without times",
    "srt with one long text",
    "srt with many lines",
    "srt with 30,000 texts",
    "srt of empty lines",
    "srt of tags",
    "vtt of tags",
    "vtt of references",
    "vtt with a long reference",
}
"""Transcripts that are unusual but valid."""


SHAPES = list(RESPONSES) if os.environ.get("APERTIS_LONG_TESTS") else list(RESPONSES)[::16]
"""Every sixteenth response; `make hostile` reads all of them."""


def make_late(response: HostileResponse) -> Behaviour:
    """Return a behaviour that makes its large response when it is requested."""

    def behave(exchange: Exchange) -> None:
        response.make()(exchange)

    return behave


def measure() -> Iterator[tuple[str, tuple[list[str], int, float]]]:
    """Yield the outcomes, the growth of memory and the seconds for each response."""
    twice = [
        make_late(response)
        for response in map(RESPONSES.__getitem__, SHAPES)
        for _ in ("sync", "async")
    ]
    with LoopbackServer([respond_json({"data": []}), *twice]) as server:
        process = subprocess.run(
            [sys.executable, str(MEASURE_RESPONSES), server.url, *SHAPES],
            capture_output=True,
            check=True,
            timeout=500,
        )
    for name, outcomes, grown, seconds in map(json.loads, process.stdout.splitlines()):
        yield name, (outcomes, grown, seconds)


@pytest.fixture(scope="module", name="costs")
def _costs() -> dict[str, tuple[list[str], int, float]]:
    return dict(measure())


@pytest.mark.parametrize("name", SHAPES)
def test_costs(name: str, costs: dict[str, tuple[list[str], int, float]]) -> None:
    """Each response takes less than 200 MiB, and is read or refused alike, sync and async."""
    outcomes, grown, seconds = costs[name]
    assert grown < 200 * MEBIBYTE
    assert seconds < MAX_SECONDS
    assert outcomes[0] == outcomes[1]
    if name in ACCEPTED:
        assert outcomes[0] == "Transcript"
