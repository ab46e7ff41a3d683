"""Call a verb in its sync or async form, so that each test is written once and runs twice."""

import asyncio
from typing import Any, Protocol

from apertis_audio_tools import ApertisAudio


class Run(Protocol):
    """A function that calls ``client.verb(...)`` or awaits ``client.averb(...)``."""

    def __call__(self, client: ApertisAudio, verb: str, /, *args: Any, **options: Any) -> Any:
        """Return the result of the verb; the items of a stream or a batch as a list."""


def returns_items(verb: str) -> bool:
    return verb.startswith("stream_") or "_many" in verb


def run_sync(client: ApertisAudio, verb: str, /, *args: Any, **options: Any) -> Any:
    result = getattr(client, verb)(*args, **options)
    return list(result) if returns_items(verb) else result


def run_async(client: ApertisAudio, verb: str, /, *args: Any, **options: Any) -> Any:
    method = getattr(client, f"a{verb}")

    async def awaited() -> Any:
        return await method(*args, **options)

    async def collected() -> list[Any]:
        return [item async for item in method(*args, **options)]

    return asyncio.run(collected() if returns_items(verb) else awaited())


RUNS: dict[str, Run] = {"sync": run_sync, "async": run_async}
