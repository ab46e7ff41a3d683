"""Limit on the number of values in JSON, each of which costs far more memory than its bytes."""

import re
from collections.abc import Iterator

_MAX_CONTAINERS = 100_000
_MAX_VALUES = 500_000
"""Several times what the longest recording has, with a time for each word and token ids."""

_MANY_BYTES = 64 * 1024
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\Z)', re.DOTALL)
"""String, or its beginning if it does not end. It never goes back, so it takes linear time."""


def has_few_values(body: bytes) -> bool:
    """Return whether JSON has so few values that it can be parsed, without parsing it."""
    if len(body) <= _MANY_BYTES:
        return True
    containers = values = end = 0
    for start, following in _strings(body):
        containers += body.count(b"[", end, start) + body.count(b"{", end, start)
        values += body.count(b",", end, start)
        if containers > _MAX_CONTAINERS or values > _MAX_VALUES:
            return False
        end = following
    return True


def _strings(body: bytes) -> Iterator[tuple[int, int]]:
    """Yield the start and the end of each string, and of an empty one at the end of the body."""
    yield from (string.span() for string in _STRING.finditer(body))
    yield len(body), len(body)
