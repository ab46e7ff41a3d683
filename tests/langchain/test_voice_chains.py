"""Voice chains: recordings become text, text becomes audio, and the first sound comes early."""

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.document_loaders import Blob
from langchain_core.exceptions import ModelAuthenticationError
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableGenerator

from apertis_audio_tools import AccessError, FileAccess, UnsupportedError
from apertis_audio_tools.langchain import SpeakRunnable, TranscribeRunnable
from support.langchain_chat import Ask
from support.loopback_server import LoopbackServer
from support.scripted_responses import respond, respond_error, respond_json

CLIPS = Path(__file__).parent.parent / "clips"
WAV = (CLIPS / "clip.wav").read_bytes()
MP3 = (CLIPS / "clip.mp3").read_bytes()
BLOCK = {"type": "audio", "base64": base64.b64encode(WAV).decode(), "mime_type": "audio/wav"}


@pytest.fixture
def speaking() -> Iterator[LoopbackServer]:
    """Yield a server that speaks everything."""
    with LoopbackServer([respond(200, MP3, "audio/mpeg")]) as server:
        yield server


def inputs(server: LoopbackServer) -> list[str]:
    """Return the texts that were spoken, in the order of their requests."""
    return [json.loads(request.body)["input"] for request in server.requests]


class TestTranscribing:
    """The first step of a chain."""

    @pytest.mark.parametrize(
        "recording",
        [
            CLIPS / "clip.wav",
            str(CLIPS / "clip.wav"),
            WAV,
            bytearray(WAV),
            ("clip.wav", WAV),
            Blob.from_data(WAV),
            Blob.from_path(CLIPS / "clip.wav"),
            BLOCK,
            HumanMessage([{"type": "text", "text": "Hear this:"}, BLOCK]),
        ],
    )
    def test_recordings(self, invoke: Ask, recording: Any) -> None:
        """A recording in any form becomes its words, with the options of the runnable."""
        with LoopbackServer([respond_json({"text": " Hello. "})]) as server:
            transcribe = TranscribeRunnable(
                api_key="sk-voice", base_url=server.url, language="de", prompt="Apertis"
            )
            assert invoke(transcribe, recording) == "Hello."
            body = server.requests[0].body
        assert b"\r\n\r\nde\r\n" in body
        assert b"\r\n\r\nApertis\r\n" in body

    def test_open_file(self, invoke: Ask) -> None:
        """An open file becomes its words."""
        with LoopbackServer([respond_json({"text": "Hello."})]) as server:
            transcribe = TranscribeRunnable(api_key="sk-voice", base_url=server.url)
            assert invoke(transcribe, io.BytesIO(WAV)) == "Hello."

    @pytest.mark.parametrize("value", [7, {"type": "text", "text": "x"}, HumanMessage("Hello?")])
    def test_other_inputs(self, invoke: Ask, value: Any) -> None:
        """Anything else is refused."""
        with pytest.raises(UnsupportedError):
            invoke(TranscribeRunnable(api_key="sk-voice"), value)

    def test_access(self, tmp_path: Path, invoke: Ask) -> None:
        """With a file access, paths are below its folders; without, blocks have none."""
        transcribe = TranscribeRunnable(api_key="sk-voice", file_access=FileAccess(tmp_path))
        for value in (CLIPS / "clip.wav", {"type": "audio", "path": str(CLIPS / "clip.wav")}):
            with pytest.raises(AccessError):
                invoke(transcribe, value)
        with pytest.raises(AccessError):
            invoke(TranscribeRunnable(api_key="sk-voice"), {"type": "audio", "path": "clip.wav"})

    def test_errors(self, invoke: Ask) -> None:
        """Errors are LangChain's own as well."""
        with LoopbackServer([respond_error(401)]) as server:
            transcribe = TranscribeRunnable(api_key="sk-voice", base_url=server.url)
            with pytest.raises(ModelAuthenticationError):
                invoke(transcribe, WAV)


class TestSpeaking:
    """The last step of a chain."""

    @pytest.mark.parametrize(
        "value",
        ["Hello.", AIMessage("Hello."), ChatPromptTemplate([("user", "Hello.")]).invoke({})],
    )
    def test_texts(self, speaking: LoopbackServer, ask: Ask, value: Any) -> None:
        """A text, a message or a prompt is spoken with the options of the runnable."""
        speak = SpeakRunnable(api_key="sk-voice", base_url=speaking.url, voice="nova", speed=1.5)
        assert len(ask(speak, value)) > 1_000
        body = json.loads(speaking.requests[0].body)
        assert body["input"].endswith("Hello.")
        assert (body["voice"], body["speed"]) == ("nova", 1.5)

    def test_other_inputs(self, ask: Ask) -> None:
        """Anything else, and a text without words, is refused."""
        for value in (7, " "):
            with pytest.raises(UnsupportedError):
                ask(SpeakRunnable(api_key="sk-voice", base_url="http://127.0.0.1:9/v1"), value)

    def test_errors(self, ask: Ask) -> None:
        """Errors are LangChain's own as well."""
        with LoopbackServer([respond_error(401)]) as server:
            speak = SpeakRunnable(api_key="sk-voice", base_url=server.url)
            with pytest.raises(ModelAuthenticationError):
                ask(speak, "Hello.")

    def test_model(self, speaking: LoopbackServer, stream: Ask) -> None:
        """The words of a model are spoken sentence by sentence."""
        words = "Hello there, Dr. Jones. It is 3.5 degrees! Goodbye"
        model = GenericFakeChatModel(messages=iter([AIMessage(words)]))
        chain = model | SpeakRunnable(api_key="sk-voice", base_url=speaking.url)
        assert len(b"".join(stream(chain, "Hello?"))) > 2_000
        spoken = ["Hello there, Dr. Jones.", "It is 3.5 degrees!", "Goodbye"]
        assert sorted(inputs(speaking)) == sorted(spoken)


class TestEarliness:
    """The first sound comes before the text has ended."""

    def test_sync(self, speaking: LoopbackServer) -> None:
        """The text is read on only after its first sentence was heard."""
        heard: list[bytes] = []
        heard_before_the_end = []

        def write(_: Iterator[str]) -> Iterator[str]:
            yield "First. "
            yield "Second. "
            for number in range(100, 104):
                yield f"Number {number}. "
            heard_before_the_end.append(bool(heard))
            yield "Last."

        chain = RunnableGenerator(write) | SpeakRunnable(
            api_key="sk-voice", base_url=speaking.url, audio_format="mp3"
        )
        heard.extend(chain.stream("x"))
        assert heard_before_the_end == [True]
        assert len(inputs(speaking)) == 7

    def test_waiting_text(self, speaking: LoopbackServer) -> None:
        """A sentence is heard although the next word never comes until it was."""
        heard = asyncio.Event()

        async def write(_: AsyncIterator[str]) -> AsyncIterator[str]:
            yield "First. "
            await heard.wait()
            yield "Last."

        async def listen() -> int:
            chain = RunnableGenerator(write) | SpeakRunnable(
                api_key="sk-voice", base_url=speaking.url
            )
            total = 0
            async for chunk in chain.astream("x"):
                total += len(chunk)
                heard.set()
            return total

        assert asyncio.run(asyncio.wait_for(listen(), 60)) > 2_000
        assert inputs(speaking) == ["First.", "Last."]
