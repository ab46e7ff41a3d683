"""The part of a cluster's limits that one worker has leased, as limits of its client."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from apertis_audio_tools.api.expenses import Expense
from apertis_audio_tools.concurrency.permits import FairSemaphore, Permit
from apertis_audio_tools.errors import ApertisError, BudgetExceededError
from apertis_audio_tools.pipeline.accounts import Account, Limits
from apertis_audio_tools.pipeline.shared_limits import SharedLimits
from apertis_audio_tools.ray.cluster_limits import Demand, Grant, RequestLease, UnusedRequests
from apertis_audio_tools.results import Usage
from apertis_audio_tools.transport.retry import Cooldown, RateLimiter

RENEWAL_SECONDS = 0.25
"""Time between renewals, and after which a cooldown that another worker reported is known."""
_IDLE_SECONDS = 60.0
"""Time between the calls of a worker that has nothing to send."""


class LimitsLostError(ApertisError):
    """The actor that keeps the limits of the cluster is gone: nothing more can be sent safely."""


class Authority(Protocol):
    """Keeper of the limits; see `ClusterLimits`. Each method may raise `LimitsLostError`."""

    def exchange(self, worker: str, concurrency: int | None, demand: Demand, /) -> Grant:
        """Renew the permits of a worker."""

    def lease_requests(
        self, model: str, per_minute: int, unused: UnusedRequests | None, /
    ) -> RequestLease:
        """Lease a bunch of requests to a model."""

    def cool_down(self, model: str, seconds: float, /) -> None:
        """Let nobody send a request to a model for some seconds."""

    def open_budget(self, budget: str, limits: Limits, /) -> None:
        """Open a budget, unless another worker has opened it."""

    def reserve(
        self, budget: str, greatest: Expense, expected: Expense, /
    ) -> BudgetExceededError | None:
        """Reserve what an attempt costs at most."""

    def release(self, budget: str, greatest: Expense, expected: Expense, /) -> None:
        """Give back what an attempt has reserved that was not billed."""

    def settle(
        self,
        budget: str,
        greatest: Expense,
        expected: Expense,
        real: Expense | None,
        usage: Usage,
        /,
    ) -> None:
        """Replace what an attempt has reserved by what it did cost."""


class LeasedPermits(FairSemaphore):
    """Permits of one worker, of which as many may be granted as it has leased.

    Args:
        size: Number of permits that the worker could use.
        on_wait: Function to call when a permit has to wait.
    """

    def __init__(self, size: int, on_wait: Callable[[], None]) -> None:
        super().__init__(size)
        self._on_wait = on_wait
        self._leased, self._until = 0, float("-inf")

    @property
    def limit(self) -> int:
        """Number of permits that may be granted now; 0 if the lease has ended."""
        return self._leased if time.monotonic() < self._until else 0

    def request(self) -> Permit:
        """Return a permit, which is granted at once or when its turn comes."""
        permit = super().request()
        if not permit.granted.done():
            self._on_wait()
        return permit

    def freeze(self) -> Demand:
        """Return the demand, which does not grow before the next lease."""
        permits = self._permits.value
        with permits.lock:
            in_use = len(permits.granted)
            self._leased = min(self._leased, in_use)
            return Demand(in_use, len(permits.queue), self.size)

    def lease(self, number: int, until: float) -> None:
        """Allow a number of permits until a time."""
        self._leased, self._until = number, until
        self.grant_waiting()


class ClusterCooldown(Cooldown):
    """Cooldowns by model, which all workers report to each other."""

    def __init__(self, authority: Authority) -> None:
        super().__init__()
        self._authority = authority
        self._ends: dict[str, float] = {}

    def extend(self, until: float, model: str | None = None) -> None:
        """Forbid sending requests to a model before `until`, in all workers."""
        name = model or ""
        self.note(name, until)
        self._authority.cool_down(name, until - time.monotonic())

    def note(self, model: str, until: float) -> None:
        """Forbid sending requests to a model before `until`, in this worker."""
        with self._lock:
            self._ends[model] = max(self._ends.get(model, until), until)

    def remaining(self, now: float, model: str | None = None) -> float:
        """Return the seconds left at `now` for a model; 0 or less if there is no cooldown."""
        return self._ends.get(model or "", float("-inf")) - now


class ClusterRateLimiter(RateLimiter):
    """Limit on the requests of all workers to each model in any 60 s, leased in bunches.

    Args:
        authority: Keeper of the limit.
        per_minute: Limit; None for no limit.
    """

    def __init__(self, authority: Authority, per_minute: int | None) -> None:
        super().__init__(per_minute)
        self._authority = authority
        self._lost: LimitsLostError | None = None
        self._bunches = defaultdict[str, _Bunch](_Bunch)

    def reserve(self, model: str | None, now: float) -> float:
        """Count a request that is sent now and return 0, or return the seconds until it may be.

        Raises:
            LimitsLostError: If nobody knows how many requests others have sent.
        """
        if self._lost:
            raise self._lost
        if self._per_minute is None or model is None:
            return 0.0
        with self._lock:
            bunch = self._bunches[model]
            if not bunch.is_usable(now):
                unused = UnusedRequests(bunch.id, bunch.left) if bunch.left else None
                lease = self._authority.lease_requests(model, self._per_minute, unused)
                if not lease.count:
                    bunch.left = 0
                    return lease.seconds
                bunch.id, bunch.left, bunch.until = lease.id, lease.count, now + lease.seconds
            bunch.left -= 1
        return 0.0

    def lose(self, error: LimitsLostError) -> None:
        """Refuse all further requests."""
        self._lost = error


@dataclass(slots=True)
class _Bunch:
    """Requests that were leased and not sent yet."""

    id: int = 0
    left: int = 0
    until: float = float("-inf")

    def is_usable(self, now: float) -> bool:
        return self.left > 0 and now < self.until


class ClusterBudget(Account):
    """Budget of all workers together.

    Args:
        authority: Keeper of the budget.
        name: Name of the budget, which its workers share.
        limits: Limits, which the first of its workers sets.
    """

    def __init__(self, authority: Authority, name: str, limits: Limits) -> None:
        super().__init__(limits)
        self._authority = authority
        self._name = name
        authority.open_budget(name, limits)

    def reserve(self, greatest: Expense, expected: Expense) -> None:
        """Reserve what an attempt costs at most.

        Raises:
            BudgetExceededError: If a limit leaves less than that.
        """
        if error := self._authority.reserve(self._name, greatest, expected):
            raise error

    def release(self, greatest: Expense, expected: Expense) -> None:
        """Give back what an attempt has reserved that was not billed."""
        self._authority.release(self._name, greatest, expected)

    def settle(
        self, greatest: Expense, expected: Expense, real: Expense | None, usage: Usage
    ) -> None:
        """Replace what an attempt has reserved by what it did cost."""
        self._authority.settle(self._name, greatest, expected, real, usage)


class WorkerLimits:
    """Limits of one worker, which a thread renews until they are closed.

    Args:
        authority: Keeper of the limits.
        worker: Name of the worker, which no other has.
        size: Number of pieces that the worker could have under way.
        concurrency: Limit on the pieces of all workers together; None for no limit.
        per_minute: Limit on the requests of all workers to a model; None for no limit.
    """

    def __init__(
        self,
        authority: Authority,
        worker: str,
        size: int,
        concurrency: int | None,
        per_minute: int | None,
    ) -> None:
        self._authority = authority
        self._worker = worker
        self._concurrency = concurrency
        self._wake = threading.Event()
        self._is_closed = False
        self._permits = LeasedPermits(size, self._wake.set)
        self._cooldown = ClusterCooldown(authority)
        self._rate_limiter = ClusterRateLimiter(authority, per_minute)
        self.shared: SharedLimits = SharedLimits(self._permits, self._cooldown, self._rate_limiter)
        threading.Thread(target=self._keep_renewing, name="apertis-limits", daemon=True).start()

    def close(self) -> None:
        """Renew nothing more. What is leased ends by itself."""
        self._is_closed = True
        self._wake.set()

    def _keep_renewing(self) -> None:
        is_busy = False
        while True:
            self._wake.wait(RENEWAL_SECONDS if is_busy else _IDLE_SECONDS)
            self._wake.clear()
            if self._is_closed:
                return
            try:
                is_busy = self._renew()
            except Exception as error:  # noqa: BLE001  # pieces would wait for ever
                # The pieces that wait go on, and each of them finds that nothing may be sent.
                lost = LimitsLostError(f"The limits of the cluster cannot be kept: {error}")
                self._rate_limiter.lose(error if isinstance(error, LimitsLostError) else lost)
                self._permits.lease(self._permits.size, float("inf"))
                return

    def _renew(self) -> bool:
        """Renew the permits, and return whether the worker needs any."""
        now, demand = time.monotonic(), self._permits.freeze()
        grant = self._authority.exchange(self._worker, self._concurrency, demand)
        for model, seconds in grant.cooldowns.items():
            self._cooldown.note(model, now + seconds)
        self._permits.lease(grant.limit, now + grant.seconds)
        return demand.in_use + demand.waiting > 0
