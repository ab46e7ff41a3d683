"""Random batches with a limit, and what a service billed for them."""

import asyncio
import random
from dataclasses import dataclass
from typing import Any

from apertis_audio_tools import ApertisAudio, ApertisError, BudgetExceededError, Outcome
from support.billing_service import DOLLARS_PER_HOUR, billing_service
from support.encoded_recordings import encode_silence
from support.fake_clock import FakeClock

_FORMATS = ("wav", "mp3", "m4a", "ogg", "flac")
_REPORTS = (frozenset[str](), *map(frozenset, (["cost"], ["seconds"], ["cost", "seconds"])))


@dataclass(frozen=True)
class LimitedBatch:
    """One random batch.

    Attributes:
        limit: Limit, in dollars or seconds.
        billed: What the service billed, in the same unit.
        total: What all recordings would cost, in the same unit.
        is_stopped: True if the limit ended it.
        finished: Number of recordings that were finished.
        requests: Number of requests that arrived.
    """

    limit: float
    billed: float
    total: float
    is_stopped: bool
    finished: int
    requests: int


def run_limited_batch(seed: int) -> LimitedBatch:
    """Transcribe random recordings with a random limit, and return what was billed."""
    generator = random.Random(seed)
    seconds = [round(generator.uniform(2, 12), 3) for _ in range(generator.randint(2, 6))]
    sources = [
        (f"{number}.{kind}", encode_silence(kind, length))
        for number, length in enumerate(seconds)
        for kind in [generator.choice(_FORMATS)]
    ]
    is_cost, is_of_client = generator.random() < 0.7, generator.random() < 0.3
    factor = DOLLARS_PER_HOUR / 3600 if is_cost else 1.0
    limit = sum(seconds) * generator.uniform(0.2, 1.4) * factor
    limits = {"max_cost" if is_cost else "max_audio_seconds": limit}
    options: dict[str, Any] = {
        "model": "whisper-1",
        "piece_seconds": generator.choice([None, 3.0]),
        "on_error": generator.choice(["raise", "skip"]),
        **({} if is_of_client else limits),
    }
    with billing_service(generator, generator.choice(_REPORTS)) as service:
        client = ApertisAudio(
            "sk-limited-batch",
            base_url=service.url,
            clock=FakeClock(),
            cache=False,
            max_concurrency=generator.randint(1, 8),
            max_cost=limits.get("max_cost") if is_of_client else None,
            max_audio_seconds=limits.get("max_audio_seconds") if is_of_client else None,
        )
        outcomes, error = _transcribe(client, sources, options, is_async=generator.random() < 0.5)
    return LimitedBatch(
        limit,
        service.cost if is_cost else service.seconds,
        sum(seconds) * factor,
        isinstance(error, BudgetExceededError),
        len([each for each in outcomes if not each.error]),
        service.requests,
    )


def _transcribe(
    client: ApertisAudio, sources: list[Any], options: dict[str, Any], *, is_async: bool
) -> tuple[list[Outcome], ApertisError | None]:
    """Return the outcomes, and the error that ended the batch."""
    outcomes: list[Outcome] = []

    async def collect() -> None:
        async with client:
            async for outcome in client.atranscribe_many(sources, **options):
                outcomes.append(outcome)  # noqa: PERF401  # those before an error count

    try:
        if is_async:
            asyncio.run(collect())
        else:
            with client:
                outcomes.extend(client.transcribe_many(sources, **options))
    except ApertisError as error:
        return outcomes, error
    return outcomes, None
