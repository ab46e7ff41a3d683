"""Limits that a client shares with clients in other processes."""

from dataclasses import dataclass

from apertis_audio_tools.concurrency.permits import FairSemaphore
from apertis_audio_tools.transport.retry import Cooldown, RateLimiter


@dataclass(frozen=True, slots=True)
class SharedLimits:
    """Limits of a client that are kept elsewhere, in place of limits of its own.

    Attributes:
        permits: Limit on the pieces under way.
        cooldown: Times for which nobody sends.
        rate_limiter: Limit on the requests of a minute.
    """

    permits: FairSemaphore
    cooldown: Cooldown
    rate_limiter: RateLimiter
