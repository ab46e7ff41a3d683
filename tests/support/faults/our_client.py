"""Run this package's client against a fault, sync or async."""

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
from support.faults.fault_runner import FaultSession

VerbCall = tuple[str, tuple[Any, ...], dict[str, Any]]


def verb_call(session: FaultSession) -> VerbCall:
    """Return the verb of an endpoint with its arguments."""
    match session.endpoint:
        case e if e is TRANSCRIBE:
            options = {"model": "whisper-1", "response_format": session.fault.response_format}
            return "transcribe", (session.source(),), options
        case e if e is CHAT:
            return "chat", (TEXT, session.source()), {}
        case e if e is SAVE_SPEECH:
            return "save_speech", (TEXT, session.new_file), {"overwrite": True}
        case e:
            verb = {SPEAK.name: "speak", STREAM_SPEECH.name: "stream_speech"}
            return verb.get(e.name, "stream_chat"), (TEXT,), {}


def value_of(endpoint: Endpoint, result: Any, session: FaultSession) -> str | bytes:
    """Return the text or the audio of a result."""
    if endpoint in {TRANSCRIBE, CHAT}:
        return str(result.text)
    if endpoint is SPEAK:
        return bytes(result.audio)
    if endpoint is SAVE_SPEECH:
        return session.new_file.read_bytes()
    if endpoint is STREAM_CHAT:
        return "".join(delta.text for delta in result)
    return b"".join(result)


class OurClient:
    """The client of this package.

    Args:
        is_async: True for the async verbs.
        clock: Clock of the client. Defaults to the system's.

    Attributes:
        busy: Number of connections that were not idle after the last call.
    """

    errors: tuple[type[Exception], ...] = (APIError,)

    def __init__(self, *, is_async: bool, clock: Clock | None = None) -> None:
        self._is_async = is_async
        self._clock = clock
        self.busy = 0

    def make_calls(self, session: FaultSession, on_result: Callable[[str | bytes], None]) -> None:
        """Make the calls of the fault."""
        if self._is_async:
            asyncio.run(self._amake_calls(session, on_result))
            return
        with self._client(session) as audio:
            try:
                for number in range(session.fault.calls):
                    if number:
                        session.between_calls()
                    verb, arguments, options = verb_call(session)
                    result = getattr(audio, verb)(*arguments, **options)
                    on_result(value_of(session.endpoint, result, session))
            finally:
                self.busy = len(busy_connections(audio))

    async def _amake_calls(
        self, session: FaultSession, on_result: Callable[[str | bytes], None]
    ) -> None:
        async with self._client(session) as audio:
            try:
                for number in range(session.fault.calls):
                    if number:
                        await asyncio.to_thread(session.between_calls)
                    verb, arguments, options = verb_call(session)
                    result = getattr(audio, f"a{verb}")(*arguments, **options)
                    if verb.startswith("stream"):
                        value: Any = [item async for item in result]
                    else:
                        value = await result
                    on_result(value_of(session.endpoint, value, session))
            finally:
                self.busy = len(busy_connections(audio))

    def _client(self, session: FaultSession) -> ApertisAudio:
        return ApertisAudio(
            "key-of-a-test",
            base_url=session.server.url,
            max_retries=RETRIES,
            timeout=session.fault.timeout,
            deadline=session.fault.deadline,
            requests_per_minute=None,
            clock=self._clock,
        )


def busy_connections(audio: ApertisAudio) -> list[Any]:
    """Return the connections of a client that are neither idle nor closed."""
    pools = audio._transport._pools._pools.value
    sync_pools: list[Any] = [pools.sync_pool] if pools.sync_pool else []
    async_pools = [pool for each in pools.async_pools.values() for pool in each._pools]
    connections = [
        connection for each in [*sync_pools, *async_pools] for connection in each._pool.connections
    ]
    return [each for each in connections if not (each.is_idle() or each.is_closed())]
