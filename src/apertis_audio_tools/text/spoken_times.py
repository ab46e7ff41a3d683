"""Times of the characters of a text, from the times of its words or of the whole."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import accumulate

from apertis_audio_tools.text.passages import TimedText
from apertis_audio_tools.text.time_estimates import spoken_letters

_MAX_SKIPPED = 60
"""Letters between two words that a service returned, and that it left out, at most."""


class SpokenTimes:
    """The times at which the characters of a text were spoken.

    The times of some indexes of the text are known; between them, letters are spread evenly.
    """

    def __init__(self, text: str) -> None:
        self._letters = array("L", accumulate(map(spoken_letters, text), initial=0))
        self._indexes = array("L")
        self._times = array("d")

    def add(self, index: int, time: float) -> None:
        """Set the time of an index; calls are in order of the text."""
        self._indexes.append(index)
        self._times.append(max(time, self._times[-1]) if self._times else time)

    def start_of(self, index: int) -> float:
        """Return the time at which the character at an index begins."""
        number = bisect_right(self._indexes, index)
        if number and self._indexes[number - 1] == index:
            return self._times[number - 1]
        return self._between(number, index, 1.0)

    def end_of(self, index: int) -> float:
        """Return the time at which the character before an index ends."""
        number = bisect_left(self._indexes, index)
        if self._indexes[number] == index:
            return self._times[number]
        return self._between(number, index, 0.0)

    def _between(self, after: int, index: int, share: float) -> float:
        """Return the time of an index before a known one; `share` is for marks without letters."""
        first, last = self._indexes[after - 1], self._indexes[after]
        if length := self._letters[last] - self._letters[first]:
            share = (self._letters[index] - self._letters[first]) / length
        return self._times[after - 1] + share * (self._times[after] - self._times[after - 1])


def locate_words(text: str, words: Iterable[TimedText]) -> list[tuple[int, int, TimedText]]:
    """Return where words stand in a text: start, end, and the word; those not found are left out.

    Case and punctuation are ignored, because services return words without.
    """
    indexes = [at for at, character in enumerate(text) if character.isalnum()]
    letters = "".join(_fold(text[at]) for at in indexes)
    found, position = list[tuple[int, int, TimedText]](), 0
    for word in words:
        wanted = "".join(map(_fold, filter(str.isalnum, word.text)))
        at = letters.find(wanted, position, position + len(wanted) + _MAX_SKIPPED)
        if wanted and at >= 0:
            position = at + len(wanted)
            found.append((indexes[at], indexes[position - 1] + 1, word))
    return found


def _fold(character: str) -> str:
    """Return a character in lower case; one that has several stays, so that indexes are kept."""
    lower = character.lower()
    return lower if len(lower) == 1 else character
