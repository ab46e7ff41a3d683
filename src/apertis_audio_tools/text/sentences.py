"""A long text in parts of a size, divided where a reader would take a breath.

Sizes count characters as Python does, Unicode code points, which is how the service counts too.

Graphemes, what a reader takes for one character, are told by an approximation of the rules of
Unicode (UAX #29) that joins a little more than they do: a cut that might be inside of one is not
made.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, takewhile
from typing import NamedTuple

from apertis_audio_tools.text.passages import UNSPACED

_CLOSERS = "\"'\u2019\u201d\u00bb\u203a)\\]}\u300d\u300f\uff09\u3011\u300b\u3009\u3015"
_FULL_STOPS = (
    "\u3002\uff01\uff1f\uff61"  # Chinese, Japanese
    "\u0964\u0965\u06d4\u061f\u0589"  # Devanagari, Urdu, Arabic, Armenian
    "\u1362\u1367\u104b\u17d4\u17d5\u0f0d\u0f0e"  # Ethiopic, Burmese, Khmer, Tibetan
    "\u203c\u203d\u2047\u2048\u2049"
)
"""Ends of sentences that mean nothing else, so that no space has to follow."""
_SENTENCE_END = re.compile(
    rf"[{_FULL_STOPS}]++[.!?\u2026{_FULL_STOPS}{_CLOSERS}]*+"
    rf"|(?<![.!?\u2026])[.!?\u2026]++[{_CLOSERS}]*+(?=\s)"
)
_PARAGRAPH_END = re.compile(r"(?<!\n)\n[^\S\n]*+\n|\u2029")
_CLAUSE_END = re.compile(
    rf"[,;:\u061b\u060c][{_CLOSERS}]*+(?=\s)|[\u3001\uff0c\uff1b\uff1a\u2014\u2013]|[\r\n\u2028]"
)
_WORD_END = re.compile(r"(?<![^\S\u00a0\u202f\u2007])(?=[^\S\u00a0\u202f\u2007])|\u200b")
"""Before a space, unless it is one that forbids a new line; Khmer and Thai may have invisible ones.
"""
_ABBREVIATIONS = frozenset(
    # English, German, French, Spanish, Italian, Portuguese
    re.findall(
        r"\S+",
        """
        dr mr mrs ms prof rev gen col capt lt sgt st mt jr sr hon e.g i.e cf vs viz al approx dept
        ed eds est fig figs inc ltd no nos op p pp vol ch sec art jan feb mar apr jun jul aug sep
        sept oct nov dec bzw ca evtl ggf hr nr str usw z.b d.h u.a o.ä abb bd m mm mme mlle me cie
        sra srta ud uds pág dott sig avv ing núm
        """,
    )
)
_NO_WORD = re.compile(r"[^\w.]")
_LONGEST_ABBREVIATION = 8
_ORDINAL_DIGITS = 2
_WORD_OF_ANOTHER_SCRIPT = 64
"""Characters of a word, at most, within text whose script has no spaces."""


class TextPart(NamedTuple):
    """A part of a text.

    Attributes:
        start: The position of its first character in the text.
        text: Without white space around it.
    """

    start: int
    text: str


@dataclass(frozen=True, slots=True)
class _Window:
    """What is about to be cut: from `start` on, at best `size` characters, at most `most`."""

    text: str
    start: int
    size: int
    most: int

    def cut(self) -> int:
        """The best place: after a paragraph, a sentence, a clause, a word, a character."""
        soft, hard = self.start + self.size, self.start + self.most
        stretched = min(self.start + 2 * self.size, hard)
        sentences = [*self._ends(_SENTENCE_END, stretched), *self._ends(_PARAGRAPH_END, stretched)]
        return (
            _last(self._ends(_PARAGRAPH_END, soft), self.start + self.size // 2)
            or _last((end for end in sentences if end <= soft), self.start)
            or min(sentences, default=0)
            or _last(self._ends(_CLAUSE_END, soft), self.start + self.size // 2)
            or _last(self._ends(_WORD_END, soft), self.start)
            or min(self._ends(_WORD_END, hard), default=0)
            or self._within_a_word()
        )

    def _ends(self, pattern: re.Pattern[str], upto: int) -> Iterator[int]:
        """Where the pattern ends, up to a position, and a cut does no harm."""
        for found in pattern.finditer(self.text, self.start, upto + 1):
            end = found.end()
            is_end = pattern is not _SENTENCE_END or _is_sentence_end(self.text, found.start(), end)
            if self.start < end <= upto and is_end and is_boundary(self.text, end, self.start):
                yield end

    def _within_a_word(self) -> int:
        """The last place between characters, if possible one where scripts without spaces break."""
        text, hard = self.text, self.start + self.most
        places = (at for at in range(hard, self.start, -1) if is_boundary(text, at, self.start))
        last = next(places, hard)
        near = takewhile(lambda at: at > last - _WORD_OF_ANOTHER_SCRIPT, chain((last,), places))
        breaking = (at for at in near if UNSPACED.match(text[at - 1]) or UNSPACED.match(text[at]))
        return next(breaking, last)


def split_text(text: str, sizes: Iterable[int], most: int) -> Iterator[TextPart]:
    """The parts of a text, in order; white space between them belongs to none.

    A part ends at the end of a paragraph or sentence where there is one; else at the end of a
    clause, or of a word; within a word only if that word is longer than `most`, and then between
    graphemes.

    Args:
        text: Of any length.
        sizes: How many characters the first part has at best, the second, and so on; as many as
            are needed. To end a sentence, a part may have twice as many.
        most: How many a part has at most.
    """
    start, end = _start_of_text(text, 0), len(text.rstrip())
    for size in sizes:
        if start >= end:
            return
        window = _Window(text, start, min(size, most), most)
        cut = end if end - start <= window.size else min(window.cut(), end)
        yield TextPart(start, text[start:cut].rstrip())
        start = _start_of_text(text, cut)


def is_speakable(text: str) -> bool:
    """Whether there is more in a text than punctuation and white space."""
    return any(unicodedata.category(character)[0] in "LNS" for character in text)


def is_boundary(text: str, at: int, start: int = 0) -> bool:
    """Whether a cut at a position leaves all graphemes whole.

    Args:
        text: The text.
        at: A position in it.
        start: A position before it that is known to be a boundary.
    """
    if at <= start or at >= len(text):
        return True
    before, after = text[at - 1], text[at]
    if before.isspace():
        return (before, after) != ("\r", "\n")
    if _extends(after) or _continues(before):
        return False
    return not (_is_flag(before) and _is_flag(after) and _flags_before(text, at, start) % 2)


def _extends(character: str) -> bool:
    """Whether a character belongs to the one before it."""
    return bool(_EXTENDING.match(character)) or unicodedata.category(character)[0] == "M"


def _continues(character: str) -> bool:
    """Whether the character after this one belongs to it, be it a letter after a virama."""
    return bool(_CONTINUED.match(character)) or unicodedata.combining(character) == _VIRAMA


_VIRAMA = 9
"""The combining class of signs that join two consonants."""
_EXTENDING = re.compile(
    "[\u200c\u200d\uff9e\uff9f\u0e33\u0eb3"  # joiners, half-width voicing, Thai and Lao AM
    "\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f"  # skin tones, tags
    "\u1160-\u11ff\ud7b0-\ud7fb\udc00-\udfff]"  # Hangul vowels and finals, second surrogates
)
_CONTINUED = re.compile(
    "[\u200d\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"  # joiner, Arabic signs
    "\u0e40-\u0e44\u0ec0-\u0ec4"  # Thai and Lao vowels that are written before their consonant
    "\u1100-\u115f\ua960-\ua97c\ud800-\udbff]"  # Hangul initials, first surrogates
)


def _is_flag(character: str) -> bool:
    """Whether it is one of the letters two of which make a flag."""
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _flags_before(text: str, at: int, start: int) -> int:
    first = at
    while first > start and _is_flag(text[first - 1]):
        first -= 1
    return at - first


def _is_sentence_end(text: str, dot: int, end: int) -> bool:
    """Whether what looks like the end of a sentence is one: an abbreviation's dot is not."""
    if text[dot] != "." or text[dot + 1 : dot + 2] in {".", "!", "?"}:
        return True
    following = _start_of_text(text, end)
    if text[following : following + 1].islower():
        return False
    word = _NO_WORD.split(text[max(0, dot - _LONGEST_ABBREVIATION) : dot])[-1]
    is_short = len(word) == 1 or (word.isdigit() and len(word) <= _ORDINAL_DIGITS)
    return not (is_short or word.lower() in _ABBREVIATIONS)


_TEXT_START = re.compile(r"\S|\Z")


def _start_of_text(text: str, at: int) -> int:
    """The first position from `at` on that is no white space."""
    found = _TEXT_START.search(text, at)
    return found.start() if found else len(text)


def _last(ends: Iterable[int], least: int) -> int:
    """The last of them beyond a position, or 0."""
    return max((end for end in ends if end > least), default=0)
