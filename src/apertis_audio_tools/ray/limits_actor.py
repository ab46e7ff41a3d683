"""The named actor that keeps the limits of a key for all workers of a Ray cluster."""

import hashlib
import threading
import time
from typing import Any

import ray
from pydantic import SecretStr
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from apertis_audio_tools.api.expenses import Expense
from apertis_audio_tools.errors import BudgetExceededError
from apertis_audio_tools.pipeline.accounts import Limits
from apertis_audio_tools.ray.cluster_limits import (
    ClusterLimits,
    Demand,
    Grant,
    RequestLease,
    UnusedRequests,
)
from apertis_audio_tools.ray.worker_limits import LimitsLostError
from apertis_audio_tools.results import Usage

_NAMESPACE = "apertis_audio_tools"
_UNUSED_SECONDS = 300.0
"""Time after which an actor that nobody calls ends. Idle workers call once a minute."""
_CALL_SECONDS = 60.0


class LimitsActor(ClusterLimits):
    """Actor that outlives its drivers, because limits do: the next one may start at once."""

    def __init__(self) -> None:
        super().__init__()
        self._used = time.monotonic()
        self._handle = ray.get_runtime_context().current_actor
        threading.Thread(target=self._end_when_unused, daemon=True).start()

    def exchange(self, worker: str, concurrency: int | None, demand: Demand) -> Grant:
        """Renew the permits of a worker."""
        self._used = time.monotonic()
        return super().exchange(worker, concurrency, demand)

    def _end_when_unused(self) -> None:
        while (left := self._used + _UNUSED_SECONDS - time.monotonic()) > 0:
            time.sleep(left)
        ray.kill(self._handle)


def actor_name(key: SecretStr, base_url: str) -> str:
    """Return the name of the actor of a key, which does not tell the key."""
    secret = f"{base_url}\n{key.get_secret_value()}".encode()
    return f"limits-{hashlib.sha256(secret).hexdigest()[:24]}"


def connect(key: SecretStr, base_url: str) -> "RayAuthority":
    """Return the keeper of the limits of a key, which is started if there is none."""
    here = ray.get_runtime_context().get_node_id()
    actor = ray.remote(LimitsActor).options(
        name=actor_name(key, base_url),
        namespace=_NAMESPACE,
        lifetime="detached",
        get_if_exists=True,
        num_cpus=0,
        scheduling_strategy=NodeAffinitySchedulingStrategy(here, soft=True),
    )
    return RayAuthority(actor.remote())


class RayAuthority:
    """Keeper of the limits in an actor; see `ClusterLimits`.

    Args:
        actor: Handle of the actor.

    Raises:
        LimitsLostError: Each method, if the actor is gone or does not answer.
    """

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def exchange(self, worker: str, concurrency: int | None, demand: Demand) -> Grant:
        """Renew the permits of a worker."""
        grant: Grant = _get(self._actor.exchange.remote(worker, concurrency, demand))
        return grant

    def lease_requests(
        self, model: str, per_minute: int, unused: UnusedRequests | None
    ) -> RequestLease:
        """Lease a bunch of requests to a model."""
        lease: RequestLease = _get(self._actor.lease_requests.remote(model, per_minute, unused))
        return lease

    def cool_down(self, model: str, seconds: float) -> None:
        """Let nobody send a request to a model for some seconds."""
        _get(self._actor.cool_down.remote(model, seconds))

    def open_budget(self, budget: str, limits: Limits) -> None:
        """Open a budget, unless another worker has opened it."""
        _get(self._actor.open_budget.remote(budget, limits))

    def reserve(
        self, budget: str, greatest: Expense, expected: Expense
    ) -> BudgetExceededError | None:
        """Reserve what an attempt costs at most."""
        refused: BudgetExceededError | None = _get(
            self._actor.reserve.remote(budget, greatest, expected)
        )
        return refused

    def release(self, budget: str, greatest: Expense, expected: Expense) -> None:
        """Give back what an attempt has reserved that was not billed."""
        _get(self._actor.release.remote(budget, greatest, expected))

    def settle(
        self, budget: str, greatest: Expense, expected: Expense, real: Expense | None, usage: Usage
    ) -> None:
        """Replace what an attempt has reserved by what it did cost."""
        _get(self._actor.settle.remote(budget, greatest, expected, real, usage))


def _get(reference: Any) -> Any:
    try:
        return ray.get(reference, timeout=_CALL_SECONDS)
    except ray.exceptions.RayError as error:
        raise LimitsLostError(
            "The actor that keeps the limits of the cluster is gone; nothing more was sent. Start "
            "the job again: the cache has what was transcribed."
        ) from error
