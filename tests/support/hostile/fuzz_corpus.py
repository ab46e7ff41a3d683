"""Broken recordings by the thousand: each is told by its number, so that any can be made again."""

import random
import struct
from collections.abc import Callable, Iterator

from support.hostile.samples import samples

_EXTREMES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_HEAD = 400
"""Bytes at the beginning, where sizes and counts are: half of the damage is done there."""

Broken = tuple[str, bytes]


def truncated(step: int) -> Iterator[Broken]:
    """Each recording, cut off at every so many bytes."""
    for name, data in samples().items():
        for end in range(0, len(data), step):
            yield f"{name} cut off at {end}", data[:end]


def damaged(number: int) -> Broken:
    """A recording with damage of some kind; the same for the same number."""
    chance = random.Random(number)
    name = chance.choice([*samples()])
    kind = chance.choice([*_DAMAGE])
    return f"{name} {kind} #{number}", bytes(_DAMAGE[kind](chance, bytearray(samples()[name])))


def _place(chance: random.Random, data: bytearray) -> int:
    return chance.randrange(min(len(data), _HEAD) if chance.random() < 0.5 else len(data))


def _flipped(chance: random.Random, data: bytearray) -> bytearray:
    for _ in range(chance.choice((1, 2, 5, 20, 200))):
        data[_place(chance, data)] ^= 1 << chance.randrange(8)
    return data


def _extreme(chance: random.Random, data: bytearray) -> bytearray:
    for _ in range(chance.choice((1, 1, 2, 4))):
        form = chance.choice((">B", "<H", ">H", "<I", ">I", "<Q", ">Q"))
        at = min(_place(chance, data), max(len(data) - 8, 0))
        most = 256 ** struct.calcsize(form)
        struct.pack_into(form, data, at, chance.choice(_EXTREMES) % most)
    return data


def _repeated(chance: random.Random, data: bytearray) -> bytearray:
    start = _place(chance, data)
    part = data[start : start + chance.choice((4, 64, 1000, 10_000))]
    at = _place(chance, data)
    return data[:at] + part * chance.choice((1, 2, 50)) + data[at:]


def _missing(chance: random.Random, data: bytearray) -> bytearray:
    at = _place(chance, data)
    del data[at : at + chance.choice((1, 3, 64, 1000))]
    return data


def _zeroed(chance: random.Random, data: bytearray) -> bytearray:
    at, size = _place(chance, data), chance.choice((4, 64, 1000))
    data[at : at + size] = bytes(len(data[at : at + size]))
    return data


def _noisy(chance: random.Random, data: bytearray) -> bytearray:
    at, size = _place(chance, data), chance.choice((16, 300, 3000))
    data[at : at + size] = chance.randbytes(len(data[at : at + size]))
    return data


def _continued(chance: random.Random, data: bytearray) -> bytearray:
    other = samples()[chance.choice([*samples()])]
    return data[: _place(chance, data)] + other[chance.randrange(len(other)) :]


def _cut_short(chance: random.Random, data: bytearray) -> bytearray:
    return data[: chance.randrange(1, len(data))]


def _both(chance: random.Random, data: bytearray) -> bytearray:
    return _extreme(chance, _flipped(chance, data))


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
