"""Broken recordings by the thousand, each made from its number, so that it can be made again."""

import functools
import random
import struct
from collections.abc import Callable, Iterator

from support.hostile.bombs import BOMBS
from support.hostile.metadata import METADATA
from support.hostile.samples import samples

_EXTREMES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_HEAD = 400
"""Bytes at the beginning, where sizes and counts are. Half of the damage is done there."""

Broken = tuple[str, bytes]


def truncated(step: int) -> Iterator[Broken]:
    """Yield each recording truncated at every multiple of `step` bytes."""
    for name, data in samples().items():
        for end in range(0, len(data), step):
            yield f"{name} cut off at {end}", data[:end]


def damaged(number: int) -> Broken:
    """Return a recording with damage that depends on the number only."""
    dice = random.Random(number)
    name = dice.choice([*samples()])
    kind = dice.choice([*_DAMAGE])
    return f"{name} {kind} #{number}", bytes(_DAMAGE[kind](dice, bytearray(samples()[name])))


def damaged_bomb(number: int) -> Broken:
    """Return a bomb: each undamaged first, then with damage that depends on the number only."""
    names = [*BOMBS, *METADATA]
    if number < len(names):
        return names[number], _bomb(names[number])
    dice = random.Random(number)
    name = dice.choice(names)
    kind = dice.choice([*_DAMAGE])
    return f"{name} {kind} #{number}", bytes(_DAMAGE[kind](dice, bytearray(_bomb(name))))


@functools.cache
def _bomb(name: str) -> bytes:
    return (BOMBS | METADATA)[name]()


def _place(dice: random.Random, data: bytearray) -> int:
    return dice.randrange(min(len(data), _HEAD) if dice.random() < 0.5 else len(data))


def _flipped(dice: random.Random, data: bytearray) -> bytearray:
    for _ in range(dice.choice((1, 2, 5, 20, 200))):
        data[_place(dice, data)] ^= 1 << dice.randrange(8)
    return data


def _extreme(dice: random.Random, data: bytearray) -> bytearray:
    for _ in range(dice.choice((1, 1, 2, 4))):
        form = dice.choice((">B", "<H", ">H", "<I", ">I", "<Q", ">Q"))
        at = min(_place(dice, data), max(len(data) - 8, 0))
        most = 256 ** struct.calcsize(form)
        struct.pack_into(form, data, at, dice.choice(_EXTREMES) % most)
    return data


def _repeated(dice: random.Random, data: bytearray) -> bytearray:
    start = _place(dice, data)
    part = data[start : start + dice.choice((4, 64, 1000, 10_000))]
    at = _place(dice, data)
    return data[:at] + part * dice.choice((1, 2, 50)) + data[at:]


def _missing(dice: random.Random, data: bytearray) -> bytearray:
    at = _place(dice, data)
    del data[at : at + dice.choice((1, 3, 64, 1000))]
    return data


def _zeroed(dice: random.Random, data: bytearray) -> bytearray:
    at, size = _place(dice, data), dice.choice((4, 64, 1000))
    data[at : at + size] = bytes(len(data[at : at + size]))
    return data


def _noisy(dice: random.Random, data: bytearray) -> bytearray:
    at, size = _place(dice, data), dice.choice((16, 300, 3000))
    data[at : at + size] = dice.randbytes(len(data[at : at + size]))
    return data


def _continued(dice: random.Random, data: bytearray) -> bytearray:
    other = samples()[dice.choice([*samples()])]
    return data[: _place(dice, data)] + other[dice.randrange(len(other)) :]


def _cut_short(dice: random.Random, data: bytearray) -> bytearray:
    return data[: dice.randrange(1, len(data))]


def _both(dice: random.Random, data: bytearray) -> bytearray:
    return _extreme(dice, _flipped(dice, data))


_DAMAGE: dict[str, Callable[[random.Random, bytearray], bytearray]] = {
    "flipped": _flipped,
    "extreme": _extreme,
    "repeated": _repeated,
    "missing": _missing,
    "zeroed": _zeroed,
    "noisy": _noisy,
    "continued": _continued,
    "cut short": _cut_short,
    "flipped and extreme": _both,
}
