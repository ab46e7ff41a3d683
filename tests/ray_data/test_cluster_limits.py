"""The limits of a cluster are never exceeded, whatever its workers do."""

import itertools
import random
from dataclasses import dataclass, field

import pytest

from apertis_audio_tools.api.expenses import Expense
from apertis_audio_tools.pipeline.accounts import Limits
from apertis_audio_tools.ray.cluster_limits import (
    PERMIT_SECONDS,
    REQUEST_SECONDS,
    ClusterLimits,
    Demand,
    UnusedRequests,
)
from apertis_audio_tools.results import Usage


@dataclass
class Time:
    """A clock that tests turn."""

    now: float = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def limits(clock: Time) -> ClusterLimits:
    return ClusterLimits(clock)


def busy(in_use: int = 0, waiting: int = 1) -> Demand:
    return Demand(in_use, waiting, 8)


IDLE = Demand(0, 0, 8)


def test_without_a_limit(limits: ClusterLimits) -> None:
    """Without a limit each worker has as many permits as it can use."""
    assert [limits.exchange(name, None, busy()).limit for name in "abc"] == [8, 8, 8]


def test_permits_are_leased_in_bunches(limits: ClusterLimits) -> None:
    """The first worker gets all it can use, the second what is left, the third nothing yet."""
    assert [limits.exchange(name, 10, busy()).limit for name in "abc"] == [8, 2, 0]


def test_shares(limits: ClusterLimits) -> None:
    """A worker that has more than its share gives back what ends, and the others get it."""
    assert limits.exchange("a", 8, busy()).limit == 8
    assert limits.exchange("b", 8, busy()).limit == 0
    assert limits.exchange("a", 8, busy(8, 4)).limit == 4
    assert limits.exchange("b", 8, busy()).limit == 0
    assert limits.exchange("a", 8, busy(5, 4)).limit == 4
    assert limits.exchange("b", 8, busy()).limit == 3
    assert limits.exchange("a", 8, busy(4, 4)).limit == 4
    assert limits.exchange("b", 8, busy(3, 1)).limit == 4


def test_idle_workers_hold_nothing(limits: ClusterLimits) -> None:
    """A worker that needs no permits leaves them to others."""
    limits.exchange("a", 8, busy())
    assert limits.exchange("a", 8, IDLE).limit == 0
    assert limits.exchange("b", 8, busy()).limit == 8


def test_killed_worker(limits: ClusterLimits, clock: Time) -> None:
    """The permits of a worker that is gone come back when its lease ends, and not before."""
    limits.exchange("a", 8, busy())
    clock.now += PERMIT_SECONDS - 0.1
    assert limits.exchange("b", 8, busy()).limit == 0
    clock.now += 0.1
    assert limits.exchange("b", 8, busy()).limit == 8


def test_another_limit(limits: ClusterLimits) -> None:
    """A data set with a lower limit counts what others hold."""
    limits.exchange("a", 16, busy(6, 0))
    assert limits.exchange("b", 10, busy()).limit == 2
    assert limits.exchange("c", 4, busy()).limit == 0


@dataclass
class Worker:
    """A worker that starts and ends pieces as it may."""

    name: str
    in_use: int = 0
    limit: int = 0
    until: float = 0.0
    waiting: int = 0

    def exchange(self, limits: ClusterLimits, concurrency: int, now: float) -> None:
        """Renew the permits."""
        self.limit = min(self.limit, self.in_use)
        grant = limits.exchange(self.name, concurrency, Demand(self.in_use, self.waiting, 8))
        self.limit, self.until = grant.limit, now + grant.seconds

    def start(self, now: float) -> None:
        """Start the pieces that may be started."""
        while self.waiting and self.in_use < self.limit and now < self.until:
            self.in_use, self.waiting = self.in_use + 1, self.waiting - 1


@dataclass
class Cluster:
    """Workers that do anything at random; some die, and others take their place."""

    draw: random.Random
    concurrency: int
    clock: Time = field(default_factory=Time)
    names: "itertools.count[int]" = field(default_factory=itertools.count)
    most: int = 0
    ended: int = 0

    def __post_init__(self) -> None:
        self.limits = ClusterLimits(self.clock)
        self.workers = [Worker(f"{next(self.names)}") for _ in range(5)]

    def step(self) -> None:
        """Let a worker do something."""
        draw, worker = self.draw, self.draw.choice(self.workers)
        self.clock.now += draw.choice([0.0, 0.01, 0.3])
        action = draw.choices(["work", "start", "end", "exchange", "die"], [4, 6, 6, 8, 0.2])[0]
        if action == "work":
            worker.waiting += draw.randrange(5)
        elif action == "start":
            worker.start(self.clock.now)
        elif action == "end" and worker.in_use:
            worker.in_use, self.ended = worker.in_use - 1, self.ended + 1
        elif action == "exchange":
            worker.exchange(self.limits, self.concurrency, self.clock.now)
        elif action == "die":
            self.workers[self.workers.index(worker)] = Worker(f"{next(self.names)}")
        self.most = max(self.most, sum(each.in_use for each in self.workers))


@pytest.mark.parametrize("seed", range(20))
def test_any_order_of_events(seed: int) -> None:
    """Whatever workers do and whenever they die, the limit is reached and never exceeded.

    In this model a worker that asks too late stalls, and its pieces still count as its own.
    """
    cluster = Cluster(random.Random(seed), concurrency=7)
    for _ in range(3000):
        cluster.step()
        for each in cluster.workers:  # a living worker renews in time
            if cluster.clock.now > each.until - 1 and each.in_use:
                each.exchange(cluster.limits, cluster.concurrency, cluster.clock.now)
    assert cluster.most == 7
    assert cluster.ended > 300


def test_requests_are_leased_in_bunches(limits: ClusterLimits) -> None:
    """A bunch is about what may be sent in a second, and no more than what is left."""
    assert limits.lease_requests("whisper-1", 500, None).count == 8
    assert [limits.lease_requests("other", 3, None).count for _ in range(4)] == [1, 1, 1, 0]
    assert limits.lease_requests("third", 62, None).count == 1


def test_minute(limits: ClusterLimits, clock: Time) -> None:
    """At most the limit may arrive in any 60 s, even if each is sent at the end of its lease."""
    start, arrivals = clock.now, list[float]()
    while clock.now < start + 300:
        lease = limits.lease_requests("whisper-1", 130, None)
        if not lease.count:
            clock.now += lease.seconds
            continue
        at = clock.now + random.Random(len(arrivals)).choice([0.0, lease.seconds])
        arrivals += [at] * lease.count
        clock.now += 0.05
    assert len(arrivals) > 4.5 * 130
    assert max(sum(0 <= at - first < 60 for at in arrivals) for first in arrivals) <= 130


def test_unused_requests(limits: ClusterLimits, clock: Time) -> None:
    """Requests that were not sent in the time of their lease may be leased again."""
    first = limits.lease_requests("whisper-1", 120, None)
    assert (first.count, first.seconds) == (2, REQUEST_SECONDS)
    clock.now += REQUEST_SECONDS
    for _ in range(59):
        assert limits.lease_requests("whisper-1", 120, None).count == 2
    assert limits.lease_requests("whisper-1", 120, None).count == 0
    assert limits.lease_requests("whisper-1", 120, UnusedRequests(first.id, 1)).count == 1
    assert limits.lease_requests("whisper-1", 120, UnusedRequests(99, 5)).count == 0


def test_cooldown(limits: ClusterLimits, clock: Time) -> None:
    """All workers learn the cooldown of a model, which gets no shorter, and ends."""
    limits.cool_down("whisper-1", 10.0)
    limits.cool_down("whisper-1", 2.0)
    clock.now += 4
    assert limits.exchange("a", None, IDLE).cooldowns == {"whisper-1": 6.0}
    clock.now += 6
    assert limits.exchange("a", None, IDLE).cooldowns == {}


def test_budget(limits: ClusterLimits) -> None:
    """Workers with the same budget share it; others have their own."""
    second = Expense(None, 1000)
    for _ in range(2):
        limits.open_budget("one", Limits(max_audio_seconds=2.5))
    limits.open_budget("two", Limits(max_audio_seconds=1.0))
    assert limits.reserve("one", second, second) is None
    assert limits.reserve("one", second, second) is None
    error = limits.reserve("one", second, second)
    assert "max_audio_seconds is 2.5, 2.0 s of it are used or reserved" in str(error)
    assert limits.reserve("two", second, second) is None
    limits.release("one", second, second)
    assert limits.reserve("one", second, second) is None
    limits.settle("one", second, second, Expense(None, 300), Usage(seconds=0.3))
    assert limits.reserve("one", second, second) is None
