"""Memory of spoken replies: what is kept of them, and what a long one takes."""

import base64
import re
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from apertis_audio_tools.sandbox import Sandbox, spoken_replies
from apertis_audio_tools.sandbox.spoken_replies import MAX_BYTES, SpokenReplies
from support import timeouts

SPOKEN = {
    "model": "gpt-4o-audio-preview",
    "modalities": ["text", "audio"],
    "audio": {"voice": "alloy", "format": "wav"},
}
MEBIBYTE = 1024 * 1024
SERVE = """
from apertis_audio_tools.sandbox import serve
serve(port=0, recogniser="beacon", on_ready=lambda url: print(url, flush=True))
"""


def speak(client: httpx.Client, text: str) -> dict[str, Any]:
    """Return the choice of a completion that answers a text with speech."""
    body = SPOKEN | {"messages": [{"role": "user", "content": text}]}
    return dict(client.post("/chat/completions", json=body).raise_for_status().json()["choices"][0])


def refer(client: httpx.Client, identifier: str) -> httpx.Response:
    """Send a turn that refers to a spoken reply."""
    earlier = {"role": "assistant", "audio": {"id": identifier}}
    question = {"role": "user", "content": "And then?"}
    return client.post("/chat/completions", json=SPOKEN | {"messages": [earlier, question]})


@pytest.fixture(name="own_client")
def _own_client() -> Iterator[httpx.Client]:
    with (
        Sandbox(recogniser="beacon") as url,
        timeouts.Client(base_url=url, headers={"Authorization": "Bearer sk-1"}) as client,
    ):
        yield client


def test_least_recently_used_are_dropped(
    own_client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the bound is reached, the reply unused for longest is answered as an expired one."""
    monkeypatch.setattr(spoken_replies, "MAX_BYTES", 2000)  # enough for three replies
    first, second = (speak(own_client, "Hi.")["message"]["audio"]["id"] for _ in range(2))
    assert refer(own_client, first).status_code == 200
    speak(own_client, "Hi.")
    assert refer(own_client, first).status_code == 200
    dropped = refer(own_client, second)
    monkeypatch.setattr(time, "time", lambda: 4_000_000_000.0)
    expired = refer(own_client, first)
    for response, identifier in ((dropped, second), (expired, first)):
        assert response.status_code == 400
        assert response.json()["error"] == {
            "message": f"There is no audio '{identifier}', or it has expired.",
            "type": "invalid_request_error",
            "code": "invalid_parameter",
            "param": "messages[0].audio.id",
        }


@pytest.mark.parametrize("transcript", ["word " * 800, "👋" * 4000, "Hi."])
def test_what_is_kept_is_bounded(transcript: str) -> None:
    """However many replies are kept, and in whichever script, their memory has a bound."""
    replies = SpokenReplies()
    tracemalloc.start()
    try:
        for number in range(8_000):
            identifier, _ = replies.add(f"{number} {transcript}")
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert replies.transcript(identifier) == f"7999 {transcript}"
    assert kept < MAX_BYTES * 1.5


def test_a_reply_ends(client: httpx.Client) -> None:
    """A spoken reply ends after 4,096 characters, and says that it was cut."""
    choice = speak(client, "1 " * 100_000)
    assert choice["finish_reason"] == "length"
    assert len(choice["message"]["audio"]["transcript"]) == 4096


def test_the_audio_is_whole(client: httpx.Client) -> None:
    """The speech of a long reply arrives whole, and its length is in the usage."""
    body = SPOKEN | {"messages": [{"role": "user", "content": "word " * 300}]}
    completion = client.post("/chat/completions", json=body).json()
    audio = base64.b64decode(completion["choices"][0]["message"]["audio"]["data"], validate=True)
    seconds = (len(audio) - 44) / 48_000
    assert seconds > 60
    tokens = completion["usage"]["completion_tokens_details"]["audio_tokens"]
    assert tokens == pytest.approx(seconds * 20, abs=3)


def peak(process: int) -> int:
    """Return the most bytes that a process has had in memory."""
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_long_replies_take_little_memory() -> None:
    """Replies of four minutes, 15 MB each in base64, are never in memory as a whole."""
    with subprocess.Popen([sys.executable, "-c", SERVE], stdout=subprocess.PIPE, text=True) as run:
        try:
            assert run.stdout
            url = run.stdout.readline().strip()
            headers = {"Authorization": "Bearer sk-1"}
            with timeouts.Client(base_url=url, headers=headers) as client:
                speak(client, "Hello.")
                before = peak(run.pid)
                for _ in range(3):
                    assert (
                        len(speak(client, "word " * 800)["message"]["audio"]["data"]) > 10_000_000
                    )
                assert peak(run.pid) - before < 25 * MEBIBYTE
        finally:
            run.terminate()
