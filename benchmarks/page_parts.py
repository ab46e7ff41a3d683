"""Write one part of a page that several benchmarks share."""

import re
from pathlib import Path


def replace_part(page: Path, part: str, text: str) -> None:
    """Replace the part of a page between its two markers.

    Raises:
        ValueError: If the page does not have the part exactly once.
    """
    begin, end = f"<!-- {part} -->", f"<!-- end of {part} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    new, times = pattern.subn(lambda _: f"{begin}\n\n{text.strip()}\n\n{end}", page.read_text())
    if times != 1:
        raise ValueError(
            f"{page.name} must contain {begin} exactly once; it contains it {times} times."
        )
    page.write_text(new)
