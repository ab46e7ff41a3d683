"""Beacons: sounds that say where in a recording they are, and an engine that hears nothing else.

A beacon is its number, dialled: a marker, five digits and a check symbol, each a pair of telephone
tones (ITU-T Q.23). In a transcript of a beacon recording nothing can be lost, doubled, reordered
or mistimed without being seen. The tones survive every speech codec and a sample rate of 8 kHz.
"""

from array import array
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import takewhile
from math import cos, hypot, pi, sin
from operator import mul
from typing import Final, TypeAlias

from apertis_audio_tools.sandbox.decoding import SAMPLE_RATE
from apertis_audio_tools.sandbox.recognition import Heard

DIGITS: Final = 5
SYMBOLS: Final = DIGITS + 2
TONE_SECONDS: Final = 0.05
SYMBOL_SECONDS: Final = 0.08
"""From the start of a tone pair to the start of the next."""
BEACON_SECONDS: Final = (SYMBOLS - 1) * SYMBOL_SECONDS + TONE_SECONDS

ROWS: Final = (697, 770, 852, 941)
COLUMNS: Final = (1209, 1336, 1477)
_KEYPAD: Final = "123456789*0#"
TONES: Final = {
    key: (ROWS[at // len(COLUMNS)], COLUMNS[at % len(COLUMNS)]) for at, key in enumerate(_KEYPAD)
}
"""The two frequencies (Hz) of each symbol."""
_KEYS: Final = {tones: key for key, tones in TONES.items()}
_MARKER: Final = "#"
_CHECKS: Final = "0123456789*"


def symbols(number: int) -> str:
    """What is dialled for a number.

    The weighted sum modulo 11 in its last symbol, as in an ISBN, catches any wrong or swapped
    digit.

    Raises:
        ValueError: The number has more than five digits, or a sign.
    """
    digits = f"{number:0{DIGITS}d}"
    if not digits.isdecimal() or len(digits) > DIGITS:
        raise ValueError(f"A beacon has a number of {DIGITS} digits, not {number}.")
    weighted = sum(weight * int(digit) for weight, digit in enumerate(digits, 2))
    return f"{_MARKER}{digits}{_CHECKS[weighted % len(_CHECKS)]}"


_RATE: Final = 4_000
"""Hz of the samples looked at: more than twice the highest tone."""
_PROBE_STEP: Final = _RATE * 40 // 1000
_PROBE: Final = _RATE * 10 // 1000
"""A probe each 40 ms of 10 ms: one at least is wholly within the marker."""
_BLOCK: Final = _RATE * 5 // 1000
_SYMBOL, _TONE = round(_RATE * SYMBOL_SECONDS), round(_RATE * TONE_SECONDS)
_CORE: Final = _TONE // 2
"""Samples of a tone pair that tell which: the middle, which no echo reaches."""
_EDGE: Final = _RATE * 40 // 1000
"""Samples around an edge that tell where it is; shorter than a tone, to be clear of the next."""

_QUIETER: Final = 0.1
"""The share of the probes that are quieter than any beacon, even where there is little else."""
_RISE: Final = 4.0
"""How many times as powerful as what is quiet a probe is that needs a closer look."""
_AUDIBLE: Final = 100.0
"""The mean square of samples (up to 32,767) of which nothing softer is looked at: -70 dB."""
_ONSET: Final = 0.25
"""The share of its power at which a beacon begins, about; what is softer may be an echo."""
_PURE: Final = 0.3
"""The share of the power that the two tones have at least; speech hardly ever has it."""
_CLEAR: Final = 4.0
"""How many times as powerful as the next tone the right one is."""
_INCOMPLETE: Final = _RATE * 4 // 1000
"""Samples that may be missing of a beacon at the edge of the sound: 4 ms."""

_Sound: TypeAlias = "array[int]"
_Wave = tuple[tuple[float, ...], tuple[float, ...]]


def _wave(frequency: int) -> _Wave:
    angles = [2 * pi * frequency * at / _RATE for at in range(max(_CORE, _EDGE))]
    return tuple(map(cos, angles)), tuple(map(sin, angles))


_WAVES: Final = {frequency: _wave(frequency) for frequency in (*ROWS, *COLUMNS)}


class Beacons:
    """Hears beacons, at a thousand times the speed of the recording and more, and nothing else.

    Each is a segment whose text is its number in five digits. A beacon of which a part is missing
    is not heard.
    """

    def recognise(self, pcm: bytes, /) -> Iterator[Heard]:
        """Give the beacons in samples as of `Recogniser`, in order of time."""
        sound = array("h")
        sound.frombytes(pcm)
        thinned = sound[:: SAMPLE_RATE // _RATE]
        reached = 0
        for onset in _onsets(thinned):
            if onset < reached:
                continue
            if (found := _beacon(thinned, onset)) is None:
                continue
            start, number = found
            reached = start + (SYMBOLS - 1) * _SYMBOL
            seconds = max(start, 0) / _RATE
            yield Heard(seconds, seconds + BEACON_SECONDS, number)


def _onsets(sound: _Sound) -> Iterator[int]:
    """Where something may begin."""
    probes = [_power(sound, at, _PROBE) for at in range(0, len(sound), _PROBE_STEP)]
    quiet = sorted(probes)[int(len(probes) * _QUIETER)] if probes else 0.0
    gate = max(quiet * _RISE, _AUDIBLE)
    within = SYMBOLS * _SYMBOL // _PROBE_STEP
    for number, power in enumerate(probes):
        if power > gate:
            loud = max(probes[number : number + within]) * _ONSET
            onset = _onset(sound, number * _PROBE_STEP, loud)
            if onset is not None:
                yield onset


def _onset(sound: _Sound, probe: int, loud: float) -> int | None:
    """The first loud block around a probe: before it, or shortly after if that was an echo."""
    blocks = range(max(0, probe - _PROBE_STEP - _BLOCK), probe + 2 * _PROBE_STEP, _BLOCK)
    return next((at for at in blocks if _power(sound, at, _BLOCK) > loud), None)


def _beacon(sound: _Sound, onset: int) -> tuple[int, str] | None:
    """Where exactly the beacon begins that begins about here, and its number."""
    if _symbol(sound, onset) != _MARKER:
        return None
    start = onset + _lateness(sound, onset, _MARKER)
    places = range(start, start + SYMBOLS * _SYMBOL, _SYMBOL)
    dialled = "".join(takewhile(bool, map(partial(_symbol, sound), places)))
    number = dialled[1 : 1 + DIGITS]
    if not number.isdecimal() or dialled != symbols(int(number)):
        return None
    start += _lateness(sound, start, dialled)
    end = start + (SYMBOLS - 1) * _SYMBOL + _TONE
    is_whole = start >= -_INCOMPLETE and end <= len(sound) + _INCOMPLETE
    return (start, number) if is_whole else None


def _symbol(sound: _Sound, start: int) -> str:
    """The symbol whose tones are in the middle of a span, or none."""
    core = _part(sound, start + (_TONE - _CORE) // 2, _CORE)
    row, in_row = _loudest(core, ROWS)
    column, in_column = _loudest(core, COLUMNS)
    is_pure = in_row + in_column > _PURE * _CORE / 2 * sum(map(mul, core, core))
    return _KEYS[row, column] if row and column and is_pure else ""


def _loudest(part: Sequence[float], frequencies: Sequence[int]) -> tuple[int, float]:
    """The tone that stands out among these, if one does, and its power."""
    powers = sorted((_magnitude(part, each) ** 2, each) for each in frequencies)
    (next_loud, _), (loudest, frequency) = powers[-2:]
    return (frequency if loudest > next_loud * _CLEAR else 0), loudest


def _lateness(sound: _Sound, start: int, dialled: str) -> int:
    """How many samples later than supposed a beacon begins.

    A window around the start of each tone, and one around its end, hear half of it each; if the
    tone is late, the first hears less and the second more. What codecs smear, they smear alike.
    """
    early = late = 0.0
    for number, symbol in enumerate(dialled):
        at = start + number * _SYMBOL - _EDGE // 2
        first, last = _part(sound, at, _EDGE), _part(sound, at + _TONE, _EDGE)
        _, column = TONES[symbol]
        early += _magnitude(first, column)
        late += _magnitude(last, column)
    return round(_EDGE / 2 * (late - early) / (late + early)) if late + early else 0


def _magnitude(part: Sequence[float], frequency: int) -> float:
    in_phase, in_quadrature = _WAVES[frequency]
    return hypot(sum(map(mul, part, in_phase)), sum(map(mul, part, in_quadrature)))


def _power(sound: _Sound, start: int, length: int) -> float:
    part = sound[max(start, 0) : start + length]
    return sum(map(mul, part, part)) / len(part) if part else 0.0


def _part(sound: _Sound, start: int, length: int) -> list[float]:
    """So many samples, as far as there are any; as floats, which are the fastest to multiply."""
    return list(map(float, sound[max(start, 0) : max(start + length, 0)]))
