"""Places at which a recording is damaged, or has no audio."""

from apertis_audio_tools.concurrency.fork_safety import ForkSafeLock

_MAX_PLACES = 10_000
"""Places that are told apart. The last one grows if there are more."""
_SAME_PLACE_SECONDS = 0.005
"""Seconds between two damaged packets, up to which they are one place."""


class LostAudio:
    """Places of a recording without audio, which become silence.

    They are found while it is decoded, by one thread or several. What is found again, when it is
    decoded again, counts once.
    """

    def __init__(self) -> None:
        self._spans: list[tuple[float, float]] = []
        self._lock = ForkSafeLock()

    def add(self, start: float, seconds: float) -> None:
        """Add a place, which begins some seconds after the first sample."""
        end = start + seconds
        with self._lock:
            begin, last = self._spans[-1] if self._spans else (0.0, -1.0)
            is_next = begin <= start <= last + _SAME_PLACE_SECONDS
            if is_next or len(self._spans) >= _MAX_PLACES:
                self._spans[-1] = begin, max(last, end)
            else:
                self._spans.append((start, end))

    def notes(self, zero: float) -> tuple[str, ...]:
        """Return a sentence about the places, if there are any.

        `zero` is the second on the player's time line at which the first sample is.
        """
        places = self._joined()
        if not places:
            return ()
        minutes, seconds = divmod(int(places[0][0] + zero), 60)
        first = f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
        lost = sum(end - start for start, end in places)
        where = f"in {len(places)} places, the first at {first}"
        if len(places) == 1:
            where = f"at {first}"
        effect = f"{max(lost, 0.1):.1f} s of it are silence"
        if not lost:
            effect = "later times may be too early"
        return (f"Its audio is damaged or missing {where}; {effect}.",)

    def _joined(self) -> list[tuple[float, float]]:
        """Return the places in order, and those that overlap as one."""
        places = list[tuple[float, float]]()
        for start, end in sorted(self._spans):
            begin, last = places[-1] if places else (0.0, -1.0)
            if start <= last + _SAME_PLACE_SECONDS:
                places[-1] = begin, max(last, end)
            else:
                places.append((start, end))
        return places
