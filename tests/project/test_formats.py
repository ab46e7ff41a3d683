"""docs/formats.md lists what the package reads, finds and sends, as the data says."""

from pathlib import Path

import pytest

from apertis_audio_tools.audio.input.allowlist import DECODERS, DEMUXERS
from apertis_audio_tools.audio.input.upload_formats import UPLOAD_FORMATS
from apertis_audio_tools.files.discovery import SHARED_SUFFIXES, SUFFIXES

PAGE = Path(__file__).parents[2] / "docs" / "formats.md"


def listed(heading: str) -> list[str]:
    """Return the words in code below a heading, up to the next one."""
    section = PAGE.read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return [word for word in section.split("`")[1::2] for word in word.split()]


@pytest.mark.parametrize(
    ("heading", "data"),
    [
        ("Containers", DEMUXERS),
        ("Codecs", DECODERS),
        ("Suffixes that folder searches find", SUFFIXES),
        ("Suffixes that are shared with TypeScript", SHARED_SUFFIXES),
    ],
)
def test_lists(heading: str, data: frozenset[str]) -> None:
    """Each list is complete and in order."""
    assert listed(heading) == sorted(data)


def test_formats_that_are_sent_as_they_are() -> None:
    """The table has a row for each container, with its codecs and its source."""
    rows = [
        f"| {row.container} | {', '.join(sorted(row.codecs))} | {row.source} |"
        for row in UPLOAD_FORMATS.values()
    ]
    table = PAGE.read_text().partition("|---|---|---|\n")[2].partition("\n\n")[0]
    assert table.splitlines() == rows
