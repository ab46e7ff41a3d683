"""Split a long text into spans of a size, at the ends of paragraphs, sentences, clauses or words.

Sizes count Unicode code points, as Python and the service do. A combining mark is never separated
from its base character.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

_CLOSERS = "\"'\u2019\u201d\u00bb\u203a)\\]}\u300d\u300f\uff09\u3011\u300b\u3009\u3015"
_FULL_STOPS = (
    "\u3002\uff01\uff1f\uff61"  # Chinese, Japanese
    "\u0964\u0965\u06d4\u061f\u0589"  # Devanagari, Urdu, Arabic, Armenian
    "\u1362\u1367\u104b\u17d4\u17d5\u0f0d\u0f0e"  # Ethiopic, Burmese, Khmer, Tibetan
    "\u203c\u203d\u2047\u2048\u2049"
)
"""Marks that only end sentences, so that no space has to follow."""
_SENTENCE_END = re.compile(
    rf"[{_FULL_STOPS}]++[.!?\u2026{_FULL_STOPS}{_CLOSERS}]*+"
    rf"|(?<![.!?\u2026])[.!?\u2026]++[{_CLOSERS}]*+(?=\s)"
)
_PARAGRAPH_END = re.compile(r"(?<!\n)\n[^\S\n]*+\n|\u2029")
_CLAUSE_END = re.compile(
    rf"[,;:\u061b\u060c][{_CLOSERS}]*+(?=\s)|[\u3001\uff0c\uff1b\uff1a\u2014\u2013]|[\r\n\u2028]"
)
_WORD_END = re.compile(r"(?<![^\S\u00a0\u202f\u2007])(?=[^\S\u00a0\u202f\u2007])|\u200b")
"""Before a space that is not a no-break space, or after a zero-width space (Khmer, Thai)."""
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
_NOT_IN_A_WORD = re.compile(r"[^\w.]")
_INITIALS = re.compile(r"(?:[A-Z]\.)+[A-Z]")
"""As in "the U.S. Navy". A sentence that ends so is only taken together with the next one."""
_MAX_ABBREVIATION_LENGTH = 8
_MAX_ORDINAL_DIGITS = 2
_JOINER = "\N{ZERO WIDTH JOINER}"


class TextSpan(NamedTuple):
    """Characters of a text without white space around them; `start` is the index of the first."""

    start: int
    text: str


@dataclass(frozen=True, slots=True)
class _SplitWindow:
    """The text from `start` on, to be cut after about `size` and at most `max_size` characters."""

    text: str
    start: int
    size: int
    max_size: int

    def find_cut(self) -> int:
        """Return the best cut: after a paragraph, else a sentence, a clause, a word, a character.

        A sentence may stretch a span to twice its size.
        """
        soft, hard = self.start + self.size, self.start + self.max_size
        stretched = min(self.start + 2 * self.size, hard)
        sentences = [*self.ends(_SENTENCE_END, stretched), *self.ends(_PARAGRAPH_END, stretched)]
        return (
            _last_beyond(self.ends(_PARAGRAPH_END, soft), self.start + self.size // 2)
            or _last_beyond((end for end in sentences if end <= soft), self.start)
            or min(sentences, default=0)
            or _last_beyond(self.ends(_CLAUSE_END, soft), self.start + self.size // 2)
            or _last_beyond(self.ends(_WORD_END, soft), self.start)
            or min(self.ends(_WORD_END, hard), default=0)
            or self._last_character_end(hard)
        )

    def ends(self, pattern: re.Pattern[str], limit: int) -> Iterator[int]:
        """Yield the ends of the matches of a pattern, up to a position, that may be cut."""
        for match in pattern.finditer(self.text, self.start, limit + 1):
            end = match.end()
            is_end = pattern is not _SENTENCE_END or _is_sentence_end(self.text, match.start(), end)
            if self.start < end <= limit and is_end and may_cut(self.text, end):
                yield end

    def _last_character_end(self, hard: int) -> int:
        positions = range(hard, self.start, -1)
        return next((each for each in positions if may_cut(self.text, each)), hard)


def split_text(text: str, sizes: Iterable[int], max_size: int) -> Iterator[TextSpan]:
    """Yield the spans of a text in order; white space between them belongs to none.

    A span ends with a paragraph or a sentence if there is one, else with a clause or a word. Only a
    word longer than `max_size` is cut.

    Args:
        text: Text of any length.
        sizes: Preferred number of characters of the first span, the second, and so on. A span may
            have up to twice as many to end with a sentence.
        max_size: Largest number of characters of a span.
    """
    start, end = _skip_space(text, 0), len(text.rstrip())
    for size in sizes:
        if start >= end:
            return
        window = _SplitWindow(text, start, min(size, max_size), max_size)
        cut = end if end - start <= window.size else min(window.find_cut(), end)
        yield TextSpan(start, text[start:cut].rstrip())
        start = _skip_space(text, cut)


class SentenceBuffer:
    """Text that arrives in pieces, and leaves in whole sentences.

    Args:
        max_size: Largest number of characters that leave at once, if no sentence ends before.
    """

    def __init__(self, max_size: int) -> None:
        self._max_size = max_size
        self._text = ""

    def add(self, piece: str) -> Iterator[str]:
        """Yield the sentences that are complete with this piece."""
        self._text += piece
        while cut := self._find_cut():
            yield from self._take(cut)

    def finish(self) -> Iterator[str]:
        """Yield what is left at the end of the text."""
        yield from self._take(len(self._text))

    def _find_cut(self) -> int:
        """Return the end of the first sentence or paragraph, or 0 if none is complete."""
        window = _SplitWindow(self._text, 0, self._max_size // 2, self._max_size)
        if len(self._text) > self._max_size:
            return window.find_cut()
        ends = [
            end
            for pattern in (_SENTENCE_END, _PARAGRAPH_END)
            for end in window.ends(pattern, len(self._text))
        ]
        return min(ends, default=0)

    def _take(self, cut: int) -> Iterator[str]:
        sentence, self._text = self._text[:cut].strip(), self._text[cut:]
        if is_speakable(sentence):
            yield sentence


def split_sentences(text: str) -> Iterator[str]:
    """Yield the sentences of a text; lines between which a paragraph ends are sentences too."""
    start = 0
    for end in (*sentence_ends(text), len(text)):
        if sentence := text[start:end].strip():
            yield sentence
        start = max(start, end)


def sentence_ends(text: str) -> list[int]:
    """Return the indexes behind the sentences and paragraphs of a text, but for the last one."""
    ends = [
        match.end()
        for pattern in (_SENTENCE_END, _PARAGRAPH_END)
        for match in pattern.finditer(text)
        if pattern is not _SENTENCE_END or _is_sentence_end(text, match.start(), match.end())
    ]
    return sorted(each for each in ends if may_cut(text, each))


def clause_ends(text: str) -> list[int]:
    """Return the indexes behind the commas, colons and dashes of a text."""
    return [match.end() for match in _CLAUSE_END.finditer(text)]


def is_speakable(text: str) -> bool:
    """Return whether a text has letters, numbers or symbols, not just punctuation and space."""
    return any(unicodedata.category(character)[0] in "LNS" for character in text)


def may_cut(text: str, index: int) -> bool:
    """Return whether a cut at an index leaves combining marks and joined emoji whole."""
    if not 0 < index < len(text):
        return True
    before, after = text[index - 1], text[index]
    return _JOINER not in (before, after) and not unicodedata.category(after).startswith("M")


def _is_sentence_end(text: str, dot: int, end: int) -> bool:
    """Return whether a match ends a sentence; the dot of an abbreviation or ordinal does not."""
    if text[dot] != "." or text[dot + 1 : dot + 2] in {".", "!", "?"}:
        return True
    following = _skip_space(text, end)
    if text[following : following + 1].islower():
        return False
    word = _NOT_IN_A_WORD.split(text[max(0, dot - _MAX_ABBREVIATION_LENGTH) : dot])[-1]
    is_short = len(word) == 1 or (word.isdigit() and len(word) <= _MAX_ORDINAL_DIGITS)
    is_initials = _INITIALS.fullmatch(word) is not None
    return not (is_short or is_initials or word.lower() in _ABBREVIATIONS)


def _skip_space(text: str, index: int) -> int:
    """Return the first index from `index` on that is not white space."""
    while text[index : index + 1].isspace():
        index += 1
    return index


def _last_beyond(ends: Iterable[int], limit: int) -> int:
    """Return the last of the ends beyond a limit, or 0."""
    return max((end for end in ends if end > limit), default=0)
