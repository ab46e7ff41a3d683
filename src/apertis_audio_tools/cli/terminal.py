"""Text from elsewhere on a terminal: control characters are shown, not obeyed."""

import re

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""C0 and C1 without tabs and line feeds. A carriage return would overwrite its line."""

_CLOSERS = {
    **dict.fromkeys("\u202a\u202b\u202d\u202e", "\u202c"),
    **dict.fromkeys("\u2066\u2067\u2068", "\u2069"),
}
"""Bidirectional embeddings, overrides and isolates, with the characters that end them."""


def escape_controls(text: str) -> str:
    """Return a text with control characters and unbalanced bidirectional controls as escapes."""
    return "\n".join(_escape_line(line) for line in text.split("\n"))


def _escape_line(line: str) -> str:
    unbalanced = _find_unbalanced(line)
    balanced = "".join(
        _escape(char) if place in unbalanced else char for place, char in enumerate(line)
    )
    return _CONTROLS.sub(lambda found: _escape(found[0]), balanced)


def _find_unbalanced(line: str) -> set[int]:
    """Return the places of bidirectional controls without a partner in the line."""
    opened: list[int] = []
    unbalanced: set[int] = set()
    for place, char in enumerate(line):
        if char in _CLOSERS:
            opened.append(place)
        elif opened and char == _CLOSERS[line[opened[-1]]]:
            opened.pop()
        elif char in _CLOSERS.values():
            unbalanced.add(place)
    return unbalanced.union(opened)


def _escape(char: str) -> str:
    return f"\\u{ord(char):04x}" if char > "\xff" else f"\\x{ord(char):02x}"
