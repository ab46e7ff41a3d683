"""Pages that several benchmarks write, each its own part."""

import re
from pathlib import Path


def put(page: Path, part: str, text: str) -> None:
    """Replace one part of a page; the part is marked in the page, and the rest stays.

    Raises:
        ValueError: The page has no such part.
    """
    begin, end = f"<!-- {part} -->", f"<!-- end of {part} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    new, times = pattern.subn(lambda _: f"{begin}\n\n{text.strip()}\n\n{end}", page.read_text())
    if times != 1:
        raise ValueError(f"{page.name} needs the part {begin} once; it is there {times} times.")
    page.write_text(new)
