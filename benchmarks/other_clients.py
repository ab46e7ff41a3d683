"""The openai and the apertis SDK go through the faults of `support.faults`, in either colour."""

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
from support.faults.fault_runner import Stage

SPEECH = {"model": "tts-1", "voice": "alloy", "input": TEXT, "response_format": "mp3"}
CHAT_MODEL = "gpt-4o-audio-preview"


class NotOfferedError(Exception):
    """A client cannot be asked for this at all."""


class Sdk:
    """A client of the OpenAI kind.

    Args:
        library: Its module.
        names: Of its blocking and its awaiting class.
        root: The name of its root error.
        is_async: In which colour.
    """

    def __init__(self, library: str, names: tuple[str, str], root: str, *, is_async: bool) -> None:
        module = import_module(library)
        self._make = getattr(module, names[is_async])
        self._library = library
        self.errors = (getattr(module, root),)

    def play(self, stage: Stage, took: Callable[[str | bytes], None]) -> None:
        """Make the calls of the fault."""
        asyncio.run(self._play(stage, took))

    async def _play(self, stage: Stage, took: Callable[[str | bytes], None]) -> None:
        client = self._make(
            api_key="key-of-a-test",
            base_url=stage.server.url,
            max_retries=RETRIES,
            timeout=stage.fault.timeout,
        )
        try:
            for number in range(stage.fault.calls):
                if number:
                    await asyncio.to_thread(stage.between_calls)
                took(await self._call(client, stage))
        finally:
            await _settled(client.close())

    async def _call(self, client: Any, stage: Stage) -> str | bytes:
        endpoint = stage.endpoint
        if endpoint is TRANSCRIBE:
            return await _transcript(client, stage)
        if endpoint is SPEAK:
            return bytes((await _settled(client.audio.speech.create(**SPEECH))).content)
        if endpoint in {STREAM_SPEECH, SAVE_SPEECH}:
            return await self._speech(client, stage)
        if endpoint is CHAT:
            reply = await _settled(client.chat.completions.create(**_question(stage)))
            return str(reply.choices[0].message.content)
        assert endpoint is STREAM_CHAT  # noqa: S101  # there are no others
        return await _words(client)

    async def _speech(self, client: Any, stage: Stage) -> bytes:
        """To a file, or as it comes."""
        is_saved = stage.endpoint is SAVE_SPEECH
        if self._library == "apertis":
            if not is_saved:
                raise NotOfferedError
            sound = await _settled(client.audio.speech.create(**SPEECH))
            sound.write_to_file(stage.new_file)
            return stage.new_file.read_bytes()
        manager = client.audio.speech.with_streaming_response.create(**SPEECH)
        if hasattr(manager, "__aenter__"):
            async with manager as answer:
                if not is_saved:
                    return b"".join([chunk async for chunk in answer.iter_bytes()])
                await answer.stream_to_file(stage.new_file)
        else:
            with manager as answer:
                if not is_saved:
                    return b"".join(answer.iter_bytes())
                answer.stream_to_file(stage.new_file)
        return stage.new_file.read_bytes()


async def _transcript(client: Any, stage: Stage) -> str:
    found = await _settled(
        client.audio.transcriptions.create(
            model="whisper-1", file=stage.source(), response_format=stage.fault.wanted
        )
    )
    return found if isinstance(found, str) else found.text


async def _words(client: Any) -> str:
    asked = {"model": CHAT_MODEL, "messages": [{"role": "user", "content": TEXT}], "stream": True}
    chunks = await _settled(client.chat.completions.create(**asked))
    is_async = hasattr(chunks, "__aiter__")
    found = [chunk async for chunk in chunks] if is_async else list(chunks)
    return "".join(chunk.choices[0].delta.content or "" for chunk in found)


def _question(stage: Stage) -> dict[str, Any]:
    source = stage.source()
    data = base64.b64encode(source.read_bytes() if hasattr(source, "read_bytes") else source.read())
    clip = {"type": "input_audio", "input_audio": {"data": data.decode(), "format": "wav"}}
    content = [{"type": "text", "text": TEXT}, clip]
    return {"model": CHAT_MODEL, "messages": [{"role": "user", "content": content}]}


async def _settled(result: Any) -> Any:
    """What a call gives, in either colour."""
    return await result if inspect.isawaitable(result) else result
