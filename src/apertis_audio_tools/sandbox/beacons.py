"""Beacons: numbered test tones that mark places in a recording, and a recogniser of them.

A beacon is a number in telephone tones (ITU-T Q.23): a marker, five digits and a check symbol, each
a pair of tones. The transcript of a beacon recording shows everything that is lost, doubled,
reordered or mistimed. The tones survive every speech codec and a sample rate of 8 kHz.
"""

from array import array
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import takewhile
from math import cos, hypot, pi, sin
from operator import mul
from typing import Final, TypeAlias

from apertis_audio_tools.sandbox.audio_decoding import SAMPLE_RATE
from apertis_audio_tools.sandbox.recognition import SpeechSegment, SpokenWord

DIGITS: Final = 5
SYMBOLS: Final = DIGITS + 2
TONE_SECONDS: Final = 0.05
SYMBOL_SECONDS: Final = 0.08
"""Seconds from the start of a tone pair to the start of the next."""
BEACON_SECONDS: Final = (SYMBOLS - 1) * SYMBOL_SECONDS + TONE_SECONDS

ROWS: Final = (697, 770, 852, 941)
COLUMNS: Final = (1209, 1336, 1477)
_KEYPAD: Final = "123456789*0#"
TONES: Final = {
    key: (ROWS[at // len(COLUMNS)], COLUMNS[at % len(COLUMNS)]) for at, key in enumerate(_KEYPAD)
}
"""The two frequencies of each symbol in Hz."""
_KEYS: Final = {tones: key for key, tones in TONES.items()}
_MARKER: Final = "#"
_CHECKS: Final = "0123456789*"


def encode_number(number: int) -> str:
    """Return the symbols of a number.

    The last symbol is a weighted sum modulo 11, as in an ISBN, which detects wrong and swapped
    digits.

    Raises:
        ValueError: If the number has more than five digits, or a sign.
    """
    digits = f"{number:0{DIGITS}d}"
    if not digits.isdecimal() or len(digits) > DIGITS:
        raise ValueError(f"A beacon has a number of {DIGITS} digits, not {number}.")
    weighted = sum(weight * int(digit) for weight, digit in enumerate(digits, 2))
    return f"{_MARKER}{digits}{_CHECKS[weighted % len(_CHECKS)]}"


_RATE: Final = 4_000
"""Sample rate of the analysis in Hz: more than twice the highest tone."""
_PROBE_STEP: Final = _RATE * 40 // 1000
_PROBE: Final = _RATE * 10 // 1000
"""Every 40 ms, 10 ms are probed, so that at least one probe lies within the marker."""
_BLOCK: Final = _RATE * 5 // 1000
_SYMBOL, _TONE = round(_RATE * SYMBOL_SECONDS), round(_RATE * TONE_SECONDS)
_CORE: Final = _TONE // 2
"""Samples in the middle of a tone pair, free of echoes, that identify the symbol."""
_EDGE: Final = _RATE * 40 // 1000
"""Samples around an edge that locate it; shorter than a tone, so as not to reach the next one."""

_QUIET_SHARE: Final = 0.1
"""Share of the probes that are quieter than any beacon, even in a dense beacon recording."""
_RISE: Final = 4.0
"""Minimum ratio of the power of a probe to that of the quiet probes."""
_MIN_POWER: Final = 100.0
"""Minimum power of a probe, as the mean square of samples up to 32,767: -70 dB."""
_ONSET: Final = 0.25
"""Share of the power of a beacon at which it begins; softer blocks may be an echo."""
_MIN_PURITY: Final = 0.3
"""Minimum share of the power that lies in the two tones; speech hardly ever reaches it."""
_MIN_CONTRAST: Final = 4.0
"""Minimum ratio of the power of the loudest tone to that of the next one."""
_TOLERANCE: Final = _RATE * 4 // 1000
"""Samples of a beacon that may be missing at the edge of the recording: 4 ms."""

_Samples: TypeAlias = "array[int]"
_Wave = tuple[tuple[float, ...], tuple[float, ...]]


def _wave(frequency: int) -> _Wave:
    angles = [2 * pi * frequency * at / _RATE for at in range(max(_CORE, _EDGE))]
    return tuple(map(cos, angles)), tuple(map(sin, angles))


_WAVES: Final = {frequency: _wave(frequency) for frequency in (*ROWS, *COLUMNS)}


class BeaconRecogniser:
    """Recogniser of beacons, more than a thousand times faster than real time.

    Each complete beacon becomes a segment of one word, its number in five digits.
    """

    def recognise(self, pcm: bytes, /) -> Iterator[SpeechSegment]:
        """Yield the beacons in order of time. See `Recogniser.recognise`."""
        samples = array("h")
        samples.frombytes(pcm)
        samples = samples[:: SAMPLE_RATE // _RATE]
        end = 0
        for onset in _find_onsets(samples):
            if onset < end or (found := _read_beacon(samples, onset)) is None:
                continue
            start, number = found
            end = start + (SYMBOLS - 1) * _SYMBOL
            seconds = max(start, 0) / _RATE
            word = SpokenWord(number, seconds, seconds + BEACON_SECONDS)
            yield SpeechSegment(word.start, word.end, number, words=(word,))


def _find_onsets(samples: _Samples) -> Iterator[int]:
    """Yield the positions at which a beacon may begin."""
    probes = [_power(samples, at, _PROBE) for at in range(0, len(samples), _PROBE_STEP)]
    quiet = sorted(probes)[int(len(probes) * _QUIET_SHARE)] if probes else 0.0
    gate = max(quiet * _RISE, _MIN_POWER)
    within = SYMBOLS * _SYMBOL // _PROBE_STEP
    for number, power in enumerate(probes):
        if power > gate:
            loud = max(probes[number : number + within]) * _ONSET
            onset = _find_onset(samples, number * _PROBE_STEP, loud)
            if onset is not None:
                yield onset


def _find_onset(samples: _Samples, probe: int, loud: float) -> int | None:
    """Return the first loud block around a probe; it is after the probe if that is an echo."""
    blocks = range(max(0, probe - _PROBE_STEP - _BLOCK), probe + 2 * _PROBE_STEP, _BLOCK)
    return next((at for at in blocks if _power(samples, at, _BLOCK) > loud), None)


def _read_beacon(samples: _Samples, onset: int) -> tuple[int, str] | None:
    """Return the exact start and the number of the beacon that begins near an onset, if any."""
    if _read_symbol(samples, onset) != _MARKER:
        return None
    start = onset + _delay(samples, onset, _MARKER)
    positions = range(start, start + SYMBOLS * _SYMBOL, _SYMBOL)
    symbols = "".join(takewhile(bool, map(partial(_read_symbol, samples), positions)))
    number = symbols[1 : 1 + DIGITS]
    if not number.isdecimal() or symbols != encode_number(int(number)):
        return None
    start += _delay(samples, start, symbols)
    end = start + (SYMBOLS - 1) * _SYMBOL + _TONE
    is_whole = start >= -_TOLERANCE and end <= len(samples) + _TOLERANCE
    return (start, number) if is_whole else None


def _read_symbol(samples: _Samples, start: int) -> str:
    """Return the symbol whose tones are in the middle of a span, or an empty string."""
    core = _slice(samples, start + (_TONE - _CORE) // 2, _CORE)
    row, row_power = _loudest_tone(core, ROWS)
    column, column_power = _loudest_tone(core, COLUMNS)
    is_pure = row_power + column_power > _MIN_PURITY * _CORE / 2 * sum(map(mul, core, core))
    return _KEYS[row, column] if row and column and is_pure else ""


def _loudest_tone(part: Sequence[float], frequencies: Sequence[int]) -> tuple[int, float]:
    """Return the frequency that stands out, or 0 if none does, and the power of the loudest."""
    powers = sorted((_magnitude(part, each) ** 2, each) for each in frequencies)
    (next_loud, _), (loudest, frequency) = powers[-2:]
    return (frequency if loudest > next_loud * _MIN_CONTRAST else 0), loudest


def _delay(samples: _Samples, start: int, symbols: str) -> int:
    """Return the number of samples by which a beacon begins after `start`.

    Windows around the start and the end of each tone contain half of it each. If the tone is late,
    the first contains less and the second more. Codecs smear both edges alike.
    """
    early = late = 0.0
    for number, symbol in enumerate(symbols):
        at = start + number * _SYMBOL - _EDGE // 2
        first, last = _slice(samples, at, _EDGE), _slice(samples, at + _TONE, _EDGE)
        _, column = TONES[symbol]
        early += _magnitude(first, column)
        late += _magnitude(last, column)
    return round(_EDGE / 2 * (late - early) / (late + early)) if late + early else 0


def _magnitude(part: Sequence[float], frequency: int) -> float:
    in_phase, in_quadrature = _WAVES[frequency]
    return hypot(sum(map(mul, part, in_phase)), sum(map(mul, part, in_quadrature)))


def _power(samples: _Samples, start: int, length: int) -> float:
    part = samples[max(start, 0) : start + length]
    return sum(map(mul, part, part)) / len(part) if part else 0.0


def _slice(samples: _Samples, start: int, length: int) -> list[float]:
    """Return the samples of a span that exist, as floats, which are the fastest to multiply."""
    return list(map(float, samples[max(start, 0) : max(start + length, 0)]))
