"""Expenses of requests: what one costs at most, before it is sent, and what it did cost."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from apertis_audio_tools.api.request import Request
from apertis_audio_tools.models import Price
from apertis_audio_tools.results import Usage

_PADDING_SECONDS = 0.1
"""Seconds that a service may count more than there are: encoders fill the last block, and begin
with samples that players skip."""
_NANO = 10**9
_SECONDS_PER_HOUR = 3600
_MILLION = 10**6


@dataclass(frozen=True, slots=True)
class Expense:
    """Cost of one attempt to send a request; whole numbers, so that sums are exact.

    Attributes:
        nanodollars: Cost in billionths of a dollar; None if it is not known.
        milliseconds: Thousandths of a second of audio.
    """

    nanodollars: int | None
    milliseconds: int

    @property
    def cost(self) -> float | None:
        """Cost in dollars; None if it is not known."""
        return None if self.nanodollars is None else self.nanodollars / _NANO

    @property
    def seconds(self) -> float:
        """Seconds of audio."""
        return self.milliseconds / 1000


def expected_expense(request: Request, price: Price | None) -> Expense:
    """Return what a request should cost."""
    return _expense(request.audio_seconds, request.characters, price)


def greatest_expense(request: Request, price: Price | None) -> Expense:
    """Return what a request costs at most, if the price is right."""
    seconds = request.audio_seconds + _PADDING_SECONDS if request.audio_seconds else 0.0
    return _expense(seconds, request.characters, price)


def reported_expense(expected: Expense, usage: Usage, price: Price | None) -> Expense | None:
    """Return what a request did cost by the usage in its response, or None if that says nothing."""
    if usage.cost is not None:
        is_timed = usage.seconds > 0
        seconds = _whole(usage.seconds, 1000) if is_timed else expected.milliseconds
        return Expense(_whole(usage.cost, _NANO), seconds)
    return _expense(usage.seconds, 0, price) if usage.seconds else None


def total_expense(expenses: Iterable[Expense]) -> Expense:
    """Return the sum of expenses, whose cost is not known if that of one is not."""
    nanodollars: int | None = 0
    milliseconds = 0
    for each in expenses:
        milliseconds += each.milliseconds
        is_known = nanodollars is not None and each.nanodollars is not None
        nanodollars = (nanodollars or 0) + (each.nanodollars or 0) if is_known else None
    return Expense(nanodollars, milliseconds)


def _expense(seconds: float, characters: int, price: Price | None) -> Expense:
    return Expense(_nanodollars(seconds, characters, price), _whole(seconds, 1000))


def _nanodollars(seconds: float, characters: int, price: Price | None) -> int | None:
    """Return the cost by the price, or None if it has none for what is billed."""
    if price is not None and seconds and price.per_hour is not None:
        return _whole(price.per_hour * seconds / _SECONDS_PER_HOUR, _NANO)
    if price is not None and characters and price.per_million_characters is not None:
        return _whole(price.per_million_characters * characters / _MILLION, _NANO)
    return None


def whole_nanodollars(dollars: float) -> int:
    """Return dollars in whole billionths, rounded down: a limit that nothing may exceed."""
    return math.floor(round(dollars * _NANO, 3))


def _whole(amount: float, factor: int) -> int:
    """Return an amount in whole parts, rounded up."""
    return math.ceil(round(amount * factor, 6))
