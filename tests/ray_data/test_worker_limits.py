"""Clients in several workers keep the limits of their cluster together, measured at the server.

The workers are clients of this process, and the keeper of the limits is called directly; `make ray`
has them in processes of Ray.
"""

import contextlib
import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import pytest

from apertis_audio_tools import ApertisAudio, BudgetExceededError, InvalidRequestError
from apertis_audio_tools.api.options import TranscriptionOptions
from apertis_audio_tools.pipeline.accounts import Account, Limits
from apertis_audio_tools.ray import LimitsLostError
from apertis_audio_tools.ray.cluster_limits import (
    ClusterLimits,
    Demand,
    Grant,
    RequestLease,
    UnusedRequests,
)
from apertis_audio_tools.ray.worker_limits import (
    Authority,
    ClusterBudget,
    ClusterRateLimiter,
    LeasedPermits,
    WorkerLimits,
)
from support.loopback_server import Exchange, LoopbackServer
from support.scripted_responses import respond_error, respond_json
from support.timeouts import TIMEOUT
from support.tiny_recordings import NameRecogniser, tiny_recording


class LocalLimits(ClusterLimits):
    """Limits that threads call instead of processes: one after the other, as an actor is called."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()
        self.leases = 0

    def exchange(self, worker: str, concurrency: int | None, demand: Demand) -> Grant:
        """Renew the permits of a worker."""
        with self.lock:
            return super().exchange(worker, concurrency, demand)

    def lease_requests(
        self, model: str, per_minute: int, unused: UnusedRequests | None
    ) -> RequestLease:
        """Lease a bunch of requests, and count that."""
        with self.lock:
            self.leases += 1
            return super().lease_requests(model, per_minute, unused)


class LostLimits(LocalLimits):
    """Limits that are lost when the event is set."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error
        self.are_lost = threading.Event()

    def exchange(self, worker: str, concurrency: int | None, demand: Demand) -> Grant:
        """Renew the permits of a worker, or raise."""
        if self.are_lost.is_set():
            raise self.error
        return super().exchange(worker, concurrency, demand)


@contextlib.contextmanager
def workers(
    authority: Authority, server: LoopbackServer, number: int, **settings: Any
) -> Iterator[list[ApertisAudio]]:
    """Yield clients with four permits each, as those of workers."""
    concurrency = settings.pop("cluster_concurrency", None)
    per_minute = settings.pop("requests_per_minute", None)
    with contextlib.ExitStack() as opened:
        clients = []
        for each in range(number):
            limits = WorkerLimits(authority, f"worker {each}", 4, concurrency, per_minute)
            opened.callback(limits.close)
            client = ApertisAudio(
                "key-of-a-test", base_url=server.url, limits=limits.shared, **settings
            )
            clients.append(opened.enter_context(client))
        yield clients


def transcribe_all(clients: list[ApertisAudio], number: int) -> list[str]:
    """Transcribe recordings, each by the client whose turn it is, all at once."""
    with ThreadPoolExecutor(number) as threads:
        transcripts = threads.map(
            lambda name: clients[name % len(clients)].transcribe(
                tiny_recording(name), model="whisper-1"
            ),
            range(number),
        )
        return [each.text for each in transcripts]


def test_pieces_under_way() -> None:
    """Three workers have five pieces under way at once together, and reach that."""
    together = threading.Barrier(5)
    first = threading.Semaphore(5)

    def wait(_: str, __: Exchange) -> None:
        if first.acquire(blocking=False):
            together.wait(TIMEOUT)

    names = NameRecogniser(wait)
    with (
        LoopbackServer([names]) as server,
        workers(LocalLimits(), server, 3, cluster_concurrency=5) as clients,
    ):
        assert transcribe_all(clients, 60) == [str(n) for n in range(60)]
    assert (names.max_concurrent, sorted(names.received, key=int)) == (
        5,
        [str(n) for n in range(60)],
    )


def test_requests_of_a_minute() -> None:
    """Two workers send what a minute allows, lease it in bunches, and know how long to wait."""
    authority = LocalLimits()
    with (
        LoopbackServer([respond_json({"text": "one"})]) as server,
        workers(authority, server, 2, requests_per_minute=120, deadline=30) as clients,
    ):
        transcribe_all(clients, 120)
        assert 60 <= authority.leases <= 70
        with pytest.raises(Exception, match="allows no request to whisper-1 for 6"):
            transcribe_all(clients, 1)
    assert len(server.requests) == 120


def test_cooldown_of_another_worker() -> None:
    """When one worker is told to wait, all workers wait, but for that model only."""
    script = [respond_error(429, "rate_limit_exceeded", retry_after="60")]
    with (
        LoopbackServer([*script, respond_json({"text": "one"})]) as server,
        workers(LocalLimits(), server, 2, max_wait=1) as (one, other),
    ):
        with pytest.raises(Exception, match="rate_limit"):
            one.transcribe(tiny_recording("a"), model="whisper-1")
        # The first piece of a worker gets its permit, and with it the cooldown, from the keeper.
        with pytest.raises(Exception, match="asked to wait"):
            other.transcribe(tiny_recording("b"), model="whisper-1")
        assert other.transcribe(tiny_recording("b"), model="scribe").text == "one"
    assert len(server.requests) == 2


@pytest.mark.parametrize("error", [LimitsLostError("Gone."), RuntimeError("Gone.")], ids=repr)
def test_lost_limits(error: Exception) -> None:
    """Without the keeper of the limits nothing is sent, and nobody waits for ever."""
    release, limits = threading.Event(), LostLimits(error)

    def lose(_: str, __: Exchange) -> None:
        limits.are_lost.set()
        assert release.wait(TIMEOUT)

    with (
        LoopbackServer([NameRecogniser(lose)]) as server,
        workers(limits, server, 1, cluster_concurrency=1) as (client,),
        ThreadPoolExecutor(8) as threads,
    ):
        running = [
            threads.submit(client.transcribe, tiny_recording(name), model="whisper-1")
            for name in range(8)
        ]
        refused = list(itertools.islice(as_completed(running, TIMEOUT), 7))
        release.set()
        errors = [each.exception(TIMEOUT) for each in running]
    assert all(isinstance(each.exception(), LimitsLostError) for each in refused)
    assert errors.count(None) == len(server.requests) == 1


def test_lease_that_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that was suspended for longer than its lease starts nothing before it is renewed."""
    permits = LeasedPermits(4, lambda: None)
    monkeypatch.setattr("time.monotonic", lambda: 100.0)
    permits.lease(2, 105.0)
    first = permits.request()
    assert first.granted.done()
    monkeypatch.setattr("time.monotonic", lambda: 105.0)
    second = permits.request()
    assert not second.granted.done()
    permits.lease(2, 110.0)
    assert second.granted.done()


def test_demand_while_a_lease_is_renewed() -> None:
    """While the keeper decides, a worker starts nothing that it has not told of."""
    permits = LeasedPermits(4, lambda: None)
    permits.lease(4, float("inf"))
    running = [permits.request() for _ in range(2)]
    assert permits.freeze() == Demand(in_use=2, waiting=0, most=4)
    waiting = permits.request()
    assert not waiting.granted.done()
    running[0].close()
    assert waiting.granted.done()
    permits.lease(3, float("inf"))
    assert permits.request().granted.done()


def test_unused_requests_go_back() -> None:
    """Requests that a worker has leased and not sent in time go back with its next lease."""
    given_back: list[UnusedRequests | None] = []

    class Recorder(LocalLimits):
        def lease_requests(
            self, model: str, per_minute: int, unused: UnusedRequests | None
        ) -> RequestLease:
            given_back.append(unused)
            return super().lease_requests(model, per_minute, unused)

    limiter = ClusterRateLimiter(Recorder(), 500)
    assert [limiter.reserve("whisper-1", now) for now in (0.0, 1.9, 2.0)] == [0.0, 0.0, 0.0]
    assert given_back == [None, UnusedRequests(1, 6)]


def test_budget() -> None:
    """Two workers spend one budget, which holds what was reserved and not what was not billed."""
    authority, options = LocalLimits(), TranscriptionOptions(model="whisper-1")
    script = [respond_error(400, "invalid_request"), respond_json({"text": "one"})]
    with LoopbackServer(script) as server, workers(authority, server, 2) as clients:
        outcomes = []
        for number in range(5):
            budget = ClusterBudget(authority, "run", Limits(max_audio_seconds=0.45))
            account = Account(parent=budget)
            client = clients[number % 2]
            try:
                client.transcribe_with(tiny_recording(number), options, account)
                outcomes.append(account.total.requests)
            except BudgetExceededError:
                outcomes.append(-1)
            except InvalidRequestError:
                outcomes.append(account.total.requests)
    assert outcomes == [0, 1, 1, -1, -1]
    assert len(server.requests) == 3
