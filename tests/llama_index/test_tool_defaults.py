"""Defaults that a developer sets for the tools of a spec, and the list of recordings."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from llama_index.core.tools import FunctionTool

from apertis_audio_tools import FileAccess, RecordingError
from apertis_audio_tools.llama_index import ApertisAudioToolSpec
from support.loopback_server import LoopbackServer
from support.scripted_responses import respond, respond_json
from support.wav_files import write_silent_wav

MP3 = (Path(__file__).parents[1] / "clips" / "clip.mp3").read_bytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with two recordings, one of them in a sub-folder."""
    write_silent_wav(tmp_path / "talk.wav", 32_000 * 3)
    (tmp_path / "team").mkdir()
    write_silent_wav(tmp_path / "team" / "LOUD.WAV", 32_000 * 2)
    return tmp_path


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    """Yield a server that transcribes everything."""
    segments = [{"start": 0.0, "end": 1.0, "text": "Hello."}]
    body = {"text": "Hello.", "duration": 3.0, "segments": segments}
    with LoopbackServer([respond_json(body)]) as server:
        yield server


def named(spec: ApertisAudioToolSpec) -> dict[str, FunctionTool]:
    """Return the tools of a spec by name."""
    return {tool.metadata.get_name(): tool for tool in spec.to_tool_list()}


def form(server: LoopbackServer) -> str:
    """Return the last form that was sent, as text."""
    return server.requests[-1].body.decode("latin-1")


def test_transcription(server: LoopbackServer, folder: Path) -> None:
    """Prompt, language, temperature and model of a spec are sent; an agent's language wins."""
    tools = named(
        ApertisAudioToolSpec(
            folder,
            api_key="sk-options",
            base_url=server.url,
            prompt="Apertis, Kubernetes",
            language="de",
            temperature=0.25,
            transcription_model="whisper-large-v3",
            segments=True,
        )
    )
    output = tools["transcribe_audio"].call(path="talk.wav")
    for value in ("Apertis, Kubernetes", "de", "0.25", "whisper-large-v3"):
        assert f"\r\n\r\n{value}\r\n" in form(server)
    assert output.raw_output["segments"] == [{"start": 0.0, "end": 1.0, "text": "Hello."}]
    tools["transcribe_audio"].call(path="talk.wav", language="fr")
    assert "\r\n\r\nfr\r\n" in form(server)
    tools["translate_audio"].call(path="talk.wav")
    assert "\r\n\r\nApertis, Kubernetes\r\n" in form(server)
    assert 'name="language"' not in form(server)


def test_track(server: LoopbackServer, folder: Path) -> None:
    """The track of a spec is the one that is read; the model cannot choose another."""
    spec = ApertisAudioToolSpec(folder, api_key="sk-options", base_url=server.url, track=3)
    with pytest.raises(RecordingError, match="track is 3, and can be only 0"):
        named(spec)["transcribe_audio"].call(path="talk.wav")
    assert server.requests == []


def test_speech_and_questions(folder: Path, tmp_path: Path) -> None:
    """Speed, instructions and the temperature of the chat model are sent."""
    reply = {"choices": [{"message": {"role": "assistant", "content": "Ada."}}]}
    with LoopbackServer([respond(200, MP3, "audio/mpeg"), respond_json(reply)]) as server:
        spec = ApertisAudioToolSpec(
            folder,
            tmp_path / "out",
            api_key="sk-options",
            base_url=server.url,
            speech_model="gpt-4o-mini-tts-2025-12-15",
            speed=1.5,
            instructions="Calm.",
            chat_temperature=0.25,
        )
        tools = named(spec)
        tools["speak_text"].call(text="Hello.")
        tools["ask_about_audio"].call(path="talk.wav", question="Who speaks?")
        spoken, asked = (json.loads(request.body) for request in server.requests)
    assert (spoken["speed"], spoken["instructions"]) == (1.5, "Calm.")
    assert asked["temperature"] == 0.25


def test_list_recordings(server: LoopbackServer, folder: Path) -> None:
    """The list has names that the other tools take, with lengths; nothing is sent."""
    access = FileAccess(folder, isolate_probe=False)
    spec = ApertisAudioToolSpec(access=access, api_key="sk-options", base_url=server.url)
    tool = named(spec)["list_recordings"]
    for output in (tool.call(), asyncio.run(tool.acall())):
        assert output.content == "talk.wav (00:00:03)\nteam/LOUD.WAV (00:00:02)"
        assert output.raw_output["total"] == 2
    assert server.requests == []
    assert spec.list_recordings(1).text == "team/LOUD.WAV (00:00:02)"
    assert asyncio.run(spec.alist_recordings(start=1)) == spec.list_recordings(1)
