"""Accounts: what requests have cost, or may have, and limits that no request may exceed.

A request reserves the most that it can cost before it is sent. That amount counts until its
response tells the real one, and for good if an attempt fails that may have been billed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from numbers import Real
from typing import Self, TypeVar

from apertis_audio_tools.api.expenses import Expense, reported_expense, whole_nanodollars
from apertis_audio_tools.concurrency.fork_safety import ForkSafeLock
from apertis_audio_tools.errors import (
    APIConnectionError,
    APIStatusError,
    BudgetExceededError,
    ConfigurationError,
    NotFoundError,
)
from apertis_audio_tools.models import Price
from apertis_audio_tools.results import ChatDelta, ChatReply, TotalUsage, Transcript, Usage

R = TypeVar("R")

_PERHAPS_BILLED = frozenset({408, 409, 425})
"""Statuses below 500 that do not say that nothing was done."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a client, of a call or of a batch.

    Attributes:
        max_cost: Dollars; None for no limit.
        max_audio_seconds: Seconds of audio to be transcribed or translated; None for no limit.

    Raises:
        ConfigurationError: If a limit is not a number from 0 on.
    """

    max_cost: float | None = None
    max_audio_seconds: float | None = None

    def __post_init__(self) -> None:
        for name in ("max_cost", "max_audio_seconds"):
            value = getattr(self, name)
            is_number = isinstance(value, Real) and not isinstance(value, bool)
            if value is not None and not (is_number and value >= 0):
                raise ConfigurationError(f"{name} has to be a number from 0 on, or None.")


NO_LIMITS: Limits = Limits()
NOTHING: Expense = Expense(0, 0)


@dataclass(slots=True)
class _Sum:
    """Sum of expenses."""

    requests: int = 0
    unpriced: int = 0
    nanodollars: int = 0
    milliseconds: int = 0

    def add(self, expense: Expense, sign: int = 1) -> None:
        """Add an expense, or with a negative sign subtract it."""
        self.requests += sign
        self.unpriced += sign * (expense.nanodollars is None)
        self.nanodollars += sign * (expense.nanodollars or 0)
        self.milliseconds += sign * expense.milliseconds

    @property
    def expense(self) -> Expense:
        """The sum of what is known."""
        return Expense(self.nanodollars, self.milliseconds)


class Account:
    """Amounts that were spent or are reserved; threads and tasks may share it.

    Copies are the same account. A pickled copy starts with nothing spent; a forked child goes on
    with the amounts of its parent at that moment, and with the same limits.

    Args:
        limits: Limits of this account. Defaults to none.
        parent: Account to which everything is charged as well, such as that of a batch.
    """

    def __init__(self, limits: Limits = NO_LIMITS, parent: "Account | None" = None) -> None:
        self.limits: Limits = limits
        self.parent: Account | None = parent
        self._reserved, self._expected = _Sum(), _Sum()
        self._reported = 0
        self._tokens = (0, 0)
        self._lock = ForkSafeLock()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[type[Self], tuple[Limits]]:
        return type(self), (self.limits,)

    @property
    def lineage(self) -> "tuple[Account, ...]":
        """This account, its parent, and so on."""
        return (self, *(self.parent.lineage if self.parent else ()))

    @property
    def total(self) -> TotalUsage:
        """Usage so far; requests under way count as much as they should cost."""
        with self._lock:
            return TotalUsage(
                requests=self._expected.requests,
                seconds=self._expected.expense.seconds,
                input_tokens=self._tokens[0],
                output_tokens=self._tokens[1],
                cost=self._expected.expense.cost or 0.0,
                reported_cost=Expense(self._reported, 0).cost or 0.0,
                unpriced_requests=self._expected.unpriced,
            )

    def reserve(self, greatest: Expense, expected: Expense) -> None:
        """Reserve what an attempt costs at most.

        Raises:
            BudgetExceededError: If a limit leaves less than that.
        """
        with self._lock:
            self._require_left(greatest)
            self._reserved.add(greatest)
            self._expected.add(expected)

    def release(self, greatest: Expense, expected: Expense) -> None:
        """Give back what an attempt has reserved that was not billed."""
        with self._lock:
            self._reserved.add(greatest, -1)
            self._expected.add(expected, -1)

    def settle(
        self, greatest: Expense, expected: Expense, real: Expense | None, usage: Usage
    ) -> None:
        """Replace what an attempt has reserved by what it did cost by the usage it reports."""
        with self._lock:
            self.release(greatest, expected)
            self._reserved.add(real or greatest)
            self._expected.add(real or expected)
            if real and usage.cost is not None:
                self._reported += real.nanodollars or 0
            sent, received = self._tokens
            self._tokens = (sent + usage.input_tokens, received + usage.output_tokens)

    def _require_left(self, greatest: Expense) -> None:
        held, limits = self._reserved.expense, self.limits
        cost, longest = limits.max_cost, limits.max_audio_seconds
        nanodollars = self._reserved.nanodollars + (greatest.nanodollars or 0)
        if cost is not None and nanodollars > whole_nanodollars(cost):
            raise BudgetExceededError(
                f"The request was not sent: max_cost is ${cost:g}, ${held.cost:.6g} of it is spent "
                f"or reserved, and this one may cost ${greatest.cost:.6g}."
            )
        milliseconds = self._reserved.milliseconds + greatest.milliseconds
        if longest is not None and greatest.milliseconds and milliseconds > longest * 1000:
            raise BudgetExceededError(
                f"The request was not sent: max_audio_seconds is {longest:g}, {held.seconds:.1f} s "
                f"of it are used or reserved, and this one has up to {greatest.seconds:.1f} s."
            )


@dataclass(frozen=True, slots=True)
class Charge:
    """Amount that each attempt of one request is charged to the accounts it belongs to.

    Attributes:
        accounts: Those of the client, and of the call or batch.
        greatest: Most that an attempt costs.
        expected: What an attempt should cost.
        price: Price of the model, if it is known.
    """

    accounts: tuple[Account, ...] = ()
    greatest: Expense = NOTHING
    expected: Expense = NOTHING
    price: Price | None = field(default=None, repr=False)

    def reserve(self) -> None:
        """Reserve the cost of an attempt.

        Raises:
            BudgetExceededError: If a limit leaves less than that.
        """
        for number, account in enumerate(self.accounts):
            try:
                account.reserve(self.greatest, self.expected)
            except BudgetExceededError:
                self._release(self.accounts[:number])
                raise

    def fail(self, error: BaseException) -> None:
        """Give back what a failed attempt has reserved, if it was certainly not billed."""
        if is_surely_unbilled(error):
            self._release(self.accounts)

    def _release(self, accounts: Iterable[Account]) -> None:
        for account in accounts:
            account.release(self.greatest, self.expected)

    def settle(self, result: R) -> R:
        """Replace what the successful attempt has reserved by its real cost; return the result."""
        self.settle_usage(reported_usage(result))
        return result

    def settle_usage(self, usage: Usage | None) -> None:
        """Replace what the successful attempt has reserved by the cost that a response reports."""
        if usage is None:
            return
        real = reported_expense(self.expected, usage, self.price)
        for account in self.accounts:
            account.settle(self.greatest, self.expected, real, usage)


def reported_usage(result: object) -> Usage | None:
    """Return the usage that a response reports, or None."""
    return result.usage if isinstance(result, Transcript | ChatReply | ChatDelta) else None


def is_surely_unbilled(error: BaseException) -> bool:
    """Return whether a failed attempt certainly cost nothing: it was refused, or never arrived."""
    if isinstance(error, APIConnectionError):
        return error.is_unsent
    if not isinstance(error, APIStatusError) or error.status is None:
        return False
    is_refused = error.status < HTTPStatus.INTERNAL_SERVER_ERROR
    return isinstance(error, NotFoundError) or (is_refused and error.status not in _PERHAPS_BILLED)
