"""Our own client goes through a fault, in either colour."""

import asyncio
from collections.abc import Callable
from typing import Any

from apertis_audio_tools import ApertisAudio, APIError
from apertis_audio_tools.transport.retry import Clock
from support.faults.endpoints import (
    CHAT,
    SAVE_SPEECH,
    SPEAK,
    STREAM_CHAT,
    STREAM_SPEECH,
    TEXT,
    TRANSCRIBE,
    Endpoint,
)
from support.faults.fault import RETRIES
from support.faults.fault_runner import Stage

Asked = tuple[str, tuple[Any, ...], dict[str, Any]]


def asked(stage: Stage) -> Asked:
    """The verb, and what it is given."""
    match stage.endpoint:
        case e if e is TRANSCRIBE:
            options = {"model": "whisper-1", "response_format": stage.fault.wanted}
            return "transcribe", (stage.source(),), options
        case e if e is CHAT:
            return "chat", (TEXT, stage.source()), {}
        case e if e is SAVE_SPEECH:
            return "save_speech", (TEXT, stage.new_file), {"overwrite": True}
        case e:
            verb = {SPEAK.name: "speak", STREAM_SPEECH.name: "stream_speech"}
            return verb.get(e.name, "stream_chat"), (TEXT,), {}


def value_of(endpoint: Endpoint, result: Any, stage: Stage) -> str | bytes:
    """What a result means."""
    if endpoint in {TRANSCRIBE, CHAT}:
        return str(result.text)
    if endpoint is SPEAK:
        return bytes(result.audio)
    if endpoint is SAVE_SPEECH:
        return stage.new_file.read_bytes()
    if endpoint is STREAM_CHAT:
        return "".join(delta.text for delta in result)
    return b"".join(result)


class Ours:
    """This package.

    Args:
        is_async: In which colour.
        clock: Where its time comes from; without one, from the machine.

    Attributes:
        busy: Connections that were not idle after the last call, before the client was closed.
    """

    errors: tuple[type[Exception], ...] = (APIError,)

    def __init__(self, *, is_async: bool, clock: Clock | None = None) -> None:
        self._is_async = is_async
        self._clock = clock
        self.busy = 0

    def play(self, stage: Stage, took: Callable[[str | bytes], None]) -> None:
        """Make the calls of the fault."""
        if self._is_async:
            asyncio.run(self._aplay(stage, took))
            return
        with self._client(stage) as audio:
            try:
                for number in range(stage.fault.calls):
                    if number:
                        stage.between_calls()
                    verb, given, options = asked(stage)
                    result = getattr(audio, verb)(*given, **options)
                    took(value_of(stage.endpoint, result, stage))
            finally:
                self.busy = len(busy_connections(audio))

    async def _aplay(self, stage: Stage, took: Callable[[str | bytes], None]) -> None:
        async with self._client(stage) as audio:
            try:
                for number in range(stage.fault.calls):
                    if number:
                        await asyncio.to_thread(stage.between_calls)
                    verb, given, options = asked(stage)
                    result = getattr(audio, f"a{verb}")(*given, **options)
                    if verb.startswith("stream"):
                        got: Any = [item async for item in result]
                    else:
                        got = await result
                    took(value_of(stage.endpoint, got, stage))
            finally:
                self.busy = len(busy_connections(audio))

    def _client(self, stage: Stage) -> ApertisAudio:
        return ApertisAudio(
            "key-of-a-test",
            base_url=stage.server.url,
            max_retries=RETRIES,
            timeout=stage.fault.timeout,
            deadline=stage.fault.deadline,
            requests_per_minute=None,
            clock=self._clock,
        )


def busy_connections(audio: ApertisAudio) -> list[Any]:
    """Connections of a client that are neither idle nor closed."""
    clients = audio._transport._pools._clients.value
    blocking = [clients.of_threads._transport] if clients.of_threads else []
    shards = [pool for each in clients.of_loops.values() for pool in each._transport._pools]  # type: ignore[attr-defined]
    found = [connection for each in [*blocking, *shards] for connection in each._pool.connections]
    return [each for each in found if not (each.is_idle() or each.is_closed())]
