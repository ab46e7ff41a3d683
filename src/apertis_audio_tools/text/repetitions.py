"""Find texts that repeat themselves, as recognisers write them over noise."""

import zlib
from collections.abc import Sequence
from itertools import groupby

MAX_COMPRESSION_RATIO = 2.4
"""Above it, Whisper's own decoder discards a text and tries again."""
_MIN_BYTES = 100
"""A shorter text has too little to compress for the ratio to mean anything."""
_MIN_REPEATED, _MIN_CHARACTERS = 4, 12
"""Equal texts in a row, and characters of each, that are suspicious: people repeat "Yes." and
"Thank you." more often."""


def compression_ratio(text: str) -> float:
    """Return the length of a text in bytes divided by its compressed length; 0 if it is short."""
    data = text.encode("utf-8", "replace")
    return len(data) / len(zlib.compress(data)) if len(data) >= _MIN_BYTES else 0.0


def find_repeated(texts: Sequence[str]) -> list[bool]:
    """Return for each text whether it is one of several equal ones in a row, except the first."""
    repeated = list[bool]()
    for text, run in groupby(texts, key=_letters):
        count = sum(1 for _ in run)
        is_suspicious = count >= _MIN_REPEATED and len(text) >= _MIN_CHARACTERS
        repeated += [False, *[is_suspicious] * (count - 1)]
    return repeated


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))
