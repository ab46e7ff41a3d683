"""The limits of a key that all workers of a cluster keep together, as plain values.

Workers lease what they may use. A lease that is not renewed ends, so that what a killed worker
held comes back.
"""

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from apertis_audio_tools.api.expenses import Expense
from apertis_audio_tools.errors import BudgetExceededError
from apertis_audio_tools.pipeline.accounts import Account, Limits
from apertis_audio_tools.results import Usage

PERMIT_SECONDS = 5.0
"""Time for which a worker may use permits without asking again. It asks 20 times as often."""
REQUEST_SECONDS = 2.0
"""Time within which a worker sends the requests of a lease."""
_WINDOW_SECONDS = 60.0
_TRANSIT_SECONDS = 1.0
"""Seconds by which requests may arrive closer together than they were sent."""
_BUNCHES_PER_MINUTE = 60
"""A bunch is about what may be sent in a second."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Pieces of a worker.

    Attributes:
        in_use: Number of those under way.
        waiting: Number of those that wait for a permit.
        most: Number that it could have under way.
    """

    in_use: int
    waiting: int
    most: int


@dataclass(frozen=True, slots=True)
class Grant:
    """Permits of a worker, and what it has to know.

    Attributes:
        limit: Number of pieces that it may have under way.
        seconds: Time for which it may.
        cooldowns: Seconds for which nothing is sent, by model.
    """

    limit: int
    seconds: float
    cooldowns: dict[str, float]


@dataclass(frozen=True, slots=True)
class RequestLease:
    """Requests that a worker may send.

    Attributes:
        id: Number of the lease.
        count: Number of requests; 0 if none is left.
        seconds: Time within which they are sent, or before the next try if none is left.
    """

    id: int
    count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class UnusedRequests:
    """Requests that were not sent in the time of their lease.

    Attributes:
        id: Number of the lease.
        count: Number of requests.
    """

    id: int
    count: int


@dataclass(slots=True)
class _Holder:
    """Permits of one worker."""

    held: int
    waiting: int
    until: float


@dataclass(slots=True)
class _Bunch:
    """Requests that were leased together, and the time from which they no longer count."""

    count: int
    until: float


@dataclass
class _Window:
    """Requests to one model that were leased in the last minute, by the number of the lease."""

    bunches: dict[int, _Bunch] = field(default_factory=dict)
    leases: int = 0

    def lease(self, per_minute: int, unused: UnusedRequests | None, now: float) -> RequestLease:
        if unused and unused.id in self.bunches:
            self.bunches[unused.id].count -= unused.count
        self.bunches = {
            number: each for number, each in self.bunches.items() if each.until > now and each.count
        }
        left = per_minute - sum(each.count for each in self.bunches.values())
        if left <= 0:
            return RequestLease(0, 0, next(iter(self.bunches.values())).until - now)
        self.leases += 1
        count = min(left, max(per_minute // _BUNCHES_PER_MINUTE, 1))
        until = now + REQUEST_SECONDS + _WINDOW_SECONDS + _TRANSIT_SECONDS
        self.bunches[self.leases] = _Bunch(count, until)
        return RequestLease(self.leases, count, REQUEST_SECONDS)


class ClusterLimits:
    """Permits, requests, cooldowns and budgets of all workers that use one key.

    Each call names its own limits, and what others hold counts for it, so that several data sets
    with different limits may be under way.

    Args:
        now: Clock in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._holders: dict[str, _Holder] = {}
        self._windows = defaultdict[str, _Window](_Window)
        self._cooldowns: dict[str, float] = {}
        self._budgets: dict[str, Account] = {}

    def exchange(self, worker: str, concurrency: int | None, demand: Demand) -> Grant:
        """Renew the permits of a worker.

        Until its next call, it has at most as many pieces under way as granted, or as it has now
        if these are more. If others wait, its share is that of all who need permits.

        Args:
            worker: Name of the worker.
            concurrency: Limit on the pieces of all workers together; None for no limit.
            demand: Pieces of the worker.
        """
        now = self._now()
        others = {
            name: each
            for name, each in self._holders.items()
            if each.until > now and name != worker
        }
        limit = demand.most
        if concurrency is not None:
            free = concurrency - sum(each.held for each in others.values())
            if any(each.waiting for each in others.values()):
                limit = min(limit, -(-concurrency // (len(others) + 1)))
            limit = max(min(limit, free), 0)
        self._holders = others
        if demand.in_use or demand.waiting:
            held, waiting = max(demand.in_use, limit), demand.waiting
            self._holders[worker] = _Holder(held, waiting, now + PERMIT_SECONDS)
        else:
            limit = 0
        self._cooldowns = {model: until for model, until in self._cooldowns.items() if until > now}
        cooldowns = {model: until - now for model, until in self._cooldowns.items()}
        return Grant(limit, PERMIT_SECONDS, cooldowns)

    def lease_requests(
        self, model: str, per_minute: int, unused: UnusedRequests | None
    ) -> RequestLease:
        """Lease a bunch of requests to a model, and take back those that were not sent."""
        return self._windows[model].lease(per_minute, unused, self._now())

    def cool_down(self, model: str, seconds: float) -> None:
        """Let nobody send a request to a model for some seconds. A cooldown never gets shorter."""
        until = self._now() + seconds
        self._cooldowns[model] = max(self._cooldowns.get(model, until), until)

    def open_budget(self, budget: str, limits: Limits) -> None:
        """Open a budget, unless another worker has opened it."""
        self._budgets.setdefault(budget, Account(limits))

    def reserve(
        self, budget: str, greatest: Expense, expected: Expense
    ) -> BudgetExceededError | None:
        """Reserve what an attempt costs at most, or return the error that says what is left."""
        try:
            self._budgets[budget].reserve(greatest, expected)
        except BudgetExceededError as error:
            return error.with_traceback(None)
        return None

    def release(self, budget: str, greatest: Expense, expected: Expense) -> None:
        """Give back what an attempt has reserved that was not billed."""
        self._budgets[budget].release(greatest, expected)

    def settle(
        self,
        budget: str,
        greatest: Expense,
        expected: Expense,
        real: Expense | None,
        usage: Usage,
    ) -> None:
        """Replace what an attempt has reserved by what it did cost."""
        self._budgets[budget].settle(greatest, expected, real, usage)
