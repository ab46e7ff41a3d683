"""SECURITY.md names the tests of each guarantee, and they exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| ([^|]+?) \| (`tests/.+?) \|$", PAGE, re.MULTILINE)


def test_every_guarantee_names_its_tests() -> None:
    """Each paragraph of the guarantees has a row in the table, and each row a paragraph."""
    guarantees = PAGE.partition("## Guarantees")[2].partition("\n## ")[0]
    titles = re.findall(r"^\*\*(.+?)\.\*\*", guarantees, re.MULTILINE)
    paragraphs = guarantees.strip().split("\n\n")[1:]
    assert len(titles) == len(paragraphs) > 5
    assert {row.partition(":")[0] for row, _ in ROWS} == set(titles)


def test_named_tests_exist() -> None:
    """Each test that the table names is a function in the file it names."""
    named = [name for _, names in ROWS for name in names.replace("`", "").split(", ")]
    assert [name for name in named if not _exists(name)] == []


def _exists(name: str) -> bool:
    path, _, function = name.partition("::")
    source = (ROOT / path).read_text(encoding="utf-8")
    return re.search(rf"def {function}\(", source) is not None
