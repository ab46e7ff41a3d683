"""Limit on the number of values in JSON, each of which costs far more memory than its bytes.

Nothing is parsed that nobody reads: what would exceed the limit is left out first, such as the
probabilities of a chat model, or the time of each word.
"""

import re
from collections.abc import Collection, Iterator

_MAX_CONTAINERS = 100_000
_MAX_VALUES = 500_000
"""Several times what the longest recording has, with a time for each word and token ids."""

_MAX_STRINGS = 2 * (_MAX_CONTAINERS + _MAX_VALUES)
"""Before each string there is a bracket or a comma, or else a name that has one before it."""

_MANY_BYTES = 64 * 1024
_MAX_TOKENS = 4_000_000
"""Strings and brackets that are looked at to leave out what nobody reads: a second or two."""
_TOKEN = re.compile(rb'"((?:[^"\\]++|\\.)*+)(?:"|\\?\Z)(\s*+:\s*+[\[{])?|([\[\]{}])', re.DOTALL)
"""String, with the colon and the bracket after it if it names a list or an object; or a bracket."""
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
"""String, or its beginning if it does not end. It never goes back, so it takes linear time."""


def has_few_values(body: bytes | bytearray) -> bool:
    """Return whether JSON has so few values that it can be parsed, without parsing it."""
    if len(body) <= _MANY_BYTES:
        return True
    containers = values = end = 0
    for number, (start, following) in enumerate(_strings(body)):
        containers += body.count(b"[", end, start) + body.count(b"{", end, start)
        values += body.count(b",", end, start)
        if containers > _MAX_CONTAINERS or values > _MAX_VALUES or number > _MAX_STRINGS:
            return False
        end = following
    return True


def _strings(body: bytes | bytearray) -> Iterator[tuple[int, int]]:
    """Yield the start and the end of each string, and of an empty one at the end of the body."""
    yield from (string.span() for string in _STRING.finditer(body))
    yield len(body), len(body)


def limit_values(body: bytes, names: Collection[str]) -> bytes | None:
    """Return JSON with few values, or None if it has too many.

    In JSON with many values, lists and objects become null unless they have one of the names.
    """
    if has_few_values(body):
        return body
    kept = _keep_named(body, frozenset(name.encode() for name in names))
    return bytes(kept) if kept is not None and has_few_values(kept) else None


def _keep_named(body: bytes, names: frozenset[bytes]) -> bytearray | None:
    """Return JSON without the lists and objects of other names; None if that takes too long."""
    kept = bytearray()
    end = depth = 0  # end of what is done; depth within a value that is left out
    for number, token in enumerate(_TOKEN.finditer(body)):
        if number == _MAX_TOKENS:
            return None
        if depth:
            if bracket := token[3] or token[2]:
                depth += -1 if bracket in b"]}" else 1
            end = token.end()
        elif token[2] and token[1] not in names:
            kept += memoryview(body)[end : token.end() - 1]
            kept += b"null"
            depth, end = 1, token.end()
    return kept + memoryview(body)[end:]
