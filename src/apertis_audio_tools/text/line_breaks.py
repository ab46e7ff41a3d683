"""Divide a text into the units between which a line may end, and fill lines with them."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from math import inf
from typing import NamedTuple

from apertis_audio_tools.text.display_width import display_width, split_characters
from apertis_audio_tools.text.passages import UNSPACED_SCRIPT
from apertis_audio_tools.text.sentences import clause_ends, sentence_ends

_CHUNK = re.compile(r"[^ ]++(?: [!?:;.,\u2026%\u00bb)\]}]++(?![^ ]))*+")
"""A word, and marks that begin no line, which some languages write after a space."""
_DASHES = "\u2014\u200b"
_RARE_IDEOGRAPHS = "\U00020000"
_SMALL_KANA = "ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶーゝゞヽヾ々〻"
_THAI_LAST = "\u0e30\u0e32\u0e33\u0e45\u0e46\u0e2f\u0eb0\u0eb2\u0eb3\u0ec6\u0eaf"
"""Vowels and marks of Thai and Lao that belong to the letter before them."""
_THAI_FIRST = "\u0e40\u0e41\u0e42\u0e43\u0e44\u0ec0\u0ec1\u0ec2\u0ec3\u0ec4"
"""Vowels of Thai and Lao that belong to the letter after them."""
_NOT_FIRST = frozenset(_SMALL_KANA + _THAI_LAST)
_CLOSING, _OPENING = {"Pe", "Pf", "Po"}, {"Ps", "Pi"}
_CUT_AFTER = frozenset("/-_.?&=#,:+")
"""Characters of an address or a compound after which it is cut, if it is too long for a line."""

SENTENCE, CLAUSE, WORD, CHARACTER, CUT = 0.0, 1.5, 4.0, 6.0, 9.0
"""Costs of a line or a cue that ends with a sentence, a clause, a word, or within one."""
_SLACK_COST = 10.0


class Unit(NamedTuple):
    """Characters of a text between which no line ends.

    Attributes:
        start: Index of the first character.
        end: Index behind the last character.
        width: Number of columns.
        space: Number of columns of the space behind it, 0 or 1.
        cost: Cost of a line that ends with it.
    """

    start: int
    end: int
    width: int
    space: int
    cost: float


def split_units(text: str, max_width: int, known_ends: Mapping[int, float]) -> Iterator[Unit]:
    """Yield the units of a text with single spaces.

    Args:
        text: Text in any script.
        max_width: Columns of a unit, at most; a longer word is cut between its characters.
        known_ends: Indexes behind words and clauses that punctuation does not show, with their
            costs.
    """
    costs = {**known_ends, **dict.fromkeys(clause_ends(text), CLAUSE)}
    costs |= dict.fromkeys(sentence_ends(text), SENTENCE)
    for start, end, cost in _spans(text):
        space = int(text[end : end + 1] == " ")
        *cuts, last = accumulate(map(len, _cut(text[start:end], max_width)), initial=start)
        for first, cut in pairwise(cuts):
            yield Unit(first, cut, display_width(text[first:cut]), 0, CUT)
        width = display_width(text[cuts[-1] : last])
        yield Unit(cuts[-1], last, width, space, min(costs.get(end, cost), cost))


def wrap_units(units: Sequence[Unit], max_line: int, indent: int = 0) -> list[Sequence[Unit]]:
    """Return the units in as few lines as possible, about equally long, that end with clauses.

    Args:
        units: Units of a cue.
        max_line: Columns of a line, at most.
        indent: Columns of the first line that are taken already.
    """
    ways: dict[int, tuple[float, tuple[int, ...]]] = {0: (0.0, (0,))}
    for _ in range(_count_lines(units, max_line, indent)):
        longer: dict[int, tuple[float, tuple[int, ...]]] = {}
        for start, (cost, ends) in ways.items():
            for end, width in _line_widths(units, start, max_line, 0 if start else indent):
                slack = _SLACK_COST * (1 - width / max_line) ** 2
                total = cost + slack + (units[end - 1].cost if end < len(units) else 0.0)
                if total < longer.get(end, (inf,))[0]:
                    longer[end] = total, (*ends, end)
        ways = longer
    return [units[start:end] for start, end in pairwise(ways[len(units)][1])]


def _line_widths(
    units: Sequence[Unit], start: int, max_line: int, indent: int
) -> Iterator[tuple[int, int]]:
    """Yield each end of a line that begins with a unit, and the columns of the line."""
    width = indent
    for end in range(start + 1, len(units) + 1):
        width += units[end - 1].width
        if width > max_line and end > start + 1:
            return
        yield end, width
        width += units[end - 1].space


def _count_lines(units: Sequence[Unit], max_line: int, indent: int) -> int:
    """Return the number of lines that the units fill, at least."""
    start = count = 0
    while start < len(units):
        *_, (start, _) = _line_widths(units, start, max_line, 0 if start else indent)
        count += 1
    return count


def _spans(text: str) -> Iterator[tuple[int, int, float]]:
    """Yield the start and end of the words of a text, or of the characters of unspaced scripts.

    The third value is the cost of a line that ends there.
    """
    for chunk in _CHUNK.finditer(text):
        start, position = chunk.span()[0], chunk.span()[0]
        for character in () if chunk[0].isascii() else split_characters(chunk[0]):
            if position > start and _may_break(text[position - 1], text[position]):
                yield start, position, CHARACTER
                start = position
            position += len(character)
        yield start, chunk.end(), WORD


def _may_break(before: str, after: str) -> bool:
    """Return True if a line may end between two characters without a space between them."""
    if unicodedata.category(after) in _CLOSING or after in _NOT_FIRST:
        return False
    if before in _DASHES:
        return True
    is_apart = unicodedata.category(before) not in _OPENING and before not in _THAI_FIRST
    return is_apart and (_is_unspaced(before) or _is_unspaced(after))


def _is_unspaced(character: str) -> bool:
    return UNSPACED_SCRIPT.match(character) is not None or character >= _RARE_IDEOGRAPHS


def _cut(text: str, max_width: int) -> Iterator[str]:
    """Yield parts of a word that fit into a line, if possible with a mark at their end."""
    if display_width(text) <= max_width:
        yield text
        return
    start = position = width = mark = 0
    for character in split_characters(text):
        columns = display_width(character)
        if width and width + columns > max_width:
            cut = mark if 2 * mark > start + position else position
            yield text[start:cut]
            start, width = cut, display_width(text[cut:position])
        position, width = position + len(character), width + columns
        mark = position if character in _CUT_AFTER else mark
    yield text[start:]
