"""What is written about the project, and a folder with everything that it speaks of."""

import re
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]
CLIPS = ROOT / "tests" / "clips"
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))

_PLACES = (
    "examples/data/standup.ogg",
    "recordings/standup.ogg",
    "standup.ogg",
    "meeting.m4a",
    "interview.mp3",
    "besprechung.ogg",
)


def blocks(page: Path, language: str) -> list[str]:
    """The blocks of code on a page."""
    found = re.findall(
        rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    return [str(each) for each in found]


def furnish(folder: Path) -> Path:
    """Put the recordings that pages and docstrings speak of into a folder.

    Each is a short clip: that longer ones are heard is another test's business.
    """
    for place in _PLACES:
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CLIPS / f"clip{path.suffix}", path)
    shutil.copy(ROOT / "README.md", folder)
    return folder


def run_here(
    code: str, name: str, mode: str = "exec", space: dict[str, object] | None = None
) -> None:
    """Run code as if it were pasted; warnings are errors, as they are in every test."""
    exec(compile(code, name, mode), {"__name__": "__main__"} if space is None else space)
