"""Run the openai and the apertis SDK against the faults of `support.faults`, sync or async."""

import asyncio
import base64
import inspect
from collections.abc import Callable
from importlib import import_module
from typing import Any

from support.faults.endpoints import (
    CHAT,
    SAVE_SPEECH,
    SPEAK,
    STREAM_CHAT,
    STREAM_SPEECH,
    TEXT,
    TRANSCRIBE,
)
from support.faults.fault import RETRIES
from support.faults.fault_runner import FaultSession

SPEECH = {"model": "tts-1", "voice": "alloy", "input": TEXT, "response_format": "mp3"}
CHAT_MODEL = "gpt-4o-audio-preview"


class NotOfferedError(Exception):
    """A client has no such call."""


class Sdk:
    """A client with the interface of the openai SDK.

    Args:
        library: Name of its module.
        names: Names of its sync and async classes.
        root: Name of the root class of its errors.
        is_async: True for the async class.
    """

    def __init__(self, library: str, names: tuple[str, str], root: str, *, is_async: bool) -> None:
        module = import_module(library)
        self._make = getattr(module, names[is_async])
        self._library = library
        self.errors = (getattr(module, root),)

    def make_calls(self, session: FaultSession, on_result: Callable[[str | bytes], None]) -> None:
        """Make the calls of the fault."""
        asyncio.run(self._make_calls(session, on_result))

    async def _make_calls(
        self, session: FaultSession, on_result: Callable[[str | bytes], None]
    ) -> None:
        client = self._make(
            api_key="key-of-a-test",
            base_url=session.server.url,
            max_retries=RETRIES,
            timeout=session.fault.timeout,
        )
        try:
            for number in range(session.fault.calls):
                if number:
                    await asyncio.to_thread(session.between_calls)
                on_result(await self._call(client, session))
        finally:
            await _await_if_needed(client.close())

    async def _call(self, client: Any, session: FaultSession) -> str | bytes:
        endpoint = session.endpoint
        if endpoint is TRANSCRIBE:
            return await _transcript(client, session)
        if endpoint is SPEAK:
            return bytes((await _await_if_needed(client.audio.speech.create(**SPEECH))).content)
        if endpoint in {STREAM_SPEECH, SAVE_SPEECH}:
            return await self._speech(client, session)
        if endpoint is CHAT:
            reply = await _await_if_needed(client.chat.completions.create(**_question(session)))
            return str(reply.choices[0].message.content)
        assert endpoint is STREAM_CHAT  # noqa: S101  # the only one left
        return await _words(client)

    async def _speech(self, client: Any, session: FaultSession) -> bytes:
        """Return spoken audio, saved to a file or streamed."""
        is_saved = session.endpoint is SAVE_SPEECH
        if self._library == "apertis":
            if not is_saved:
                raise NotOfferedError
            speech = await _await_if_needed(client.audio.speech.create(**SPEECH))
            speech.write_to_file(session.new_file)
            return session.new_file.read_bytes()
        manager = client.audio.speech.with_streaming_response.create(**SPEECH)
        if hasattr(manager, "__aenter__"):
            async with manager as response:
                if not is_saved:
                    return b"".join([chunk async for chunk in response.iter_bytes()])
                await response.stream_to_file(session.new_file)
        else:
            with manager as response:
                if not is_saved:
                    return b"".join(response.iter_bytes())
                response.stream_to_file(session.new_file)
        return session.new_file.read_bytes()


async def _transcript(client: Any, session: FaultSession) -> str:
    transcript = await _await_if_needed(
        client.audio.transcriptions.create(
            model="whisper-1", file=session.source(), response_format=session.fault.response_format
        )
    )
    return transcript if isinstance(transcript, str) else transcript.text


async def _words(client: Any) -> str:
    options = {"model": CHAT_MODEL, "messages": [{"role": "user", "content": TEXT}], "stream": True}
    chunks = await _await_if_needed(client.chat.completions.create(**options))
    is_async = hasattr(chunks, "__aiter__")
    deltas = [chunk async for chunk in chunks] if is_async else list(chunks)
    return "".join(chunk.choices[0].delta.content or "" for chunk in deltas)


def _question(session: FaultSession) -> dict[str, Any]:
    source = session.source()
    data = base64.b64encode(source.read_bytes() if hasattr(source, "read_bytes") else source.read())
    clip = {"type": "input_audio", "input_audio": {"data": data.decode(), "format": "wav"}}
    content = [{"type": "text", "text": TEXT}, clip]
    return {"model": CHAT_MODEL, "messages": [{"role": "user", "content": content}]}


async def _await_if_needed(result: Any) -> Any:
    """Return the result of a call, awaited if it is awaitable."""
    return await result if inspect.isawaitable(result) else result
