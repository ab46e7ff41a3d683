"""Running one verb in either colour, so that each test is written once and run twice."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from apertis_audio_tools import ApertisAudio


class Run(Protocol):
    """Calls ``client.verb(...)`` or awaits ``client.averb(...)``; streams become lists."""

    def __call__(self, client: ApertisAudio, verb: str, /, *args: Any, **options: Any) -> Any:
        """What the verb gives."""


def _is_several(verb: str) -> bool:
    return verb.startswith("stream_") or verb.endswith("_many")


def run_sync(client: ApertisAudio, verb: str, /, *args: Any, **options: Any) -> Any:
    result = getattr(client, verb)(*args, **options)
    return list(result) if _is_several(verb) else result


def run_async(client: ApertisAudio, verb: str, /, *args: Any, **options: Any) -> Any:
    method = getattr(client, f"a{verb}")

    async def awaited() -> Any:
        return await method(*args, **options)

    async def collected() -> list[Any]:
        return [item async for item in method(*args, **options)]

    return asyncio.run(collected() if _is_several(verb) else awaited())


RUNS: dict[str, Callable[..., Any]] = {"sync": run_sync, "async": run_async}
