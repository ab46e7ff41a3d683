"""Map times of audio that was joined from parts of a recording back to the recording."""

from bisect import bisect_right
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TimeMap:
    """The places of the parts of joined audio in the recording.

    Attributes:
        joined: Second of the joined audio at which each part begins; the first is 0.
        original: Second of the recording at which each part begins.
        seconds: Length of the joined audio.
    """

    joined: tuple[float, ...]
    original: tuple[float, ...]
    seconds: float

    def part_at(self, seconds: float) -> int:
        """Return the number of the part that holds a second of the joined audio."""
        return max(bisect_right(self.joined, seconds) - 1, 0)

    def bounds(self, part: int) -> tuple[float, float]:
        """Return the start and the end of a part, in seconds of the joined audio."""
        return self.joined[part], (*self.joined[1:], self.seconds)[part]

    def original_time(self, part: int, seconds: float) -> float:
        """Return a second of the recording; one outside of the part is moved to its edge."""
        start, end = self.bounds(part)
        return self.original[part] + min(max(seconds, start), end) - start

    def moved(self, seconds: float) -> "TimeMap":
        """Return the map with all times of the recording later by some seconds."""
        return TimeMap(self.joined, tuple(each + seconds for each in self.original), self.seconds)
