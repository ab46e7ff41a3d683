"""Measure how wide a text is on a screen, and divide it into the characters that readers see.

A column is as wide as a letter of an alphabet. Ideographs, full-width forms and emoji have two;
combining marks and joiners have none.
"""

import unicodedata
from collections.abc import Iterator
from functools import cache

from apertis_audio_tools.text.sentences import may_cut

_JOINER = "\N{ZERO WIDTH JOINER}"
_EMOJI_STYLE = "\N{VARIATION SELECTOR-16}"
"""Makes a narrow symbol a wide emoji."""
_SKIN_TONES = ("\U0001f3fb", "\U0001f3ff")
_FLAG_LETTERS = ("\U0001f1e6", "\U0001f1ff")
_INVISIBLE = ("\u200b", "\u200f"), ("\u202a", "\u202e"), ("\u2060", "\u2064"), ("\ufeff", "\ufeff")


def display_width(text: str) -> int:
    """Return the number of columns of a text."""
    if text.isascii():
        return len(text)
    width, is_joined = 0, False
    for character in text:
        if not (is_joined and _is_symbol(character)):
            width += _character_width(character)
        is_joined = character == _JOINER
    return width


def split_characters(text: str) -> Iterator[str]:
    """Yield the characters that readers see: letters with their marks, flags, joined emoji."""
    start = flag_letters = 0
    for end in range(1, len(text) + 1):
        flag_letters = flag_letters + 1 if _is_between(text[end - 1], _FLAG_LETTERS) else 0
        following = text[end : end + 1]
        is_half_flag = flag_letters % 2 and _is_between(following, _FLAG_LETTERS)
        if may_cut(text, end) and not is_half_flag and not _is_between(following, _SKIN_TONES):
            yield text[start:end]
            start = end


@cache
def _character_width(character: str) -> int:
    if character == _EMOJI_STYLE:
        return 1
    is_mark = unicodedata.category(character) in {"Mn", "Me"}
    if is_mark or any(_is_between(character, each) for each in _INVISIBLE):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _is_symbol(character: str) -> bool:
    """Return True for emoji; joined letters keep their width."""
    return unicodedata.category(character) == "So"


def _is_between(character: str, limits: tuple[str, str]) -> bool:
    return limits[0] <= character <= limits[1]
