"""Modules that are not imported before they are needed."""

import json
import subprocess
import sys

import pytest

PACKAGE = "apertis_audio_tools"
AUDIO = {"av", f"{PACKAGE}.audio.input.probing"}
CONNECTIONS = {"httpcore", "httpx", f"{PACKAGE}.transport.http"}
RUNNERS = {f"{PACKAGE}.pipeline.{name}" for name in ("batch_runner", "transcription_runner")}
READERS = {f"{PACKAGE}.api.transcription"}
TOOLS_AND_CLIPS = {f"{PACKAGE}.langchain.tools", f"{PACKAGE}.llama_index.clips"}
CLIENT = {"pydantic", f"{PACKAGE}.client.client", f"{PACKAGE}.pipeline.cache"}
ADAPTERS = f"""
from {PACKAGE}.langchain import ApertisAudioLoader, ApertisAudioToolkit, ChatApertisAudio
from {PACKAGE}.llama_index import ApertisAudioLLM, ApertisAudioReader, ApertisAudioToolSpec
"""
MAKE = f"from {PACKAGE} import ApertisAudio; audio = ApertisAudio('sk-12345678')"
HELP = f"""
import contextlib, sys
from {PACKAGE}.__main__ import main
sys.argv[1:] = ["--help"]
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(None):
    main()
"""


@pytest.mark.parametrize(
    ("code", "absent", "present"),
    [
        (f"from {PACKAGE} import ApertisAudio", AUDIO | CONNECTIONS | RUNNERS, "pydantic"),
        (MAKE, AUDIO | RUNNERS | READERS, "httpx"),
        (HELP, AUDIO | CONNECTIONS | RUNNERS | CLIENT, "typer"),
        (
            ADAPTERS,
            AUDIO | RUNNERS | TOOLS_AND_CLIPS | {f"{PACKAGE}.transport.http"},
            f"{PACKAGE}.client.client",
        ),
    ],
    ids=["class", "client", "help", "adapters"],
)
def test_imports_come_when_they_are_needed(code: str, absent: set[str], present: str) -> None:
    """Modules that are not used yet are not imported: PyAV, httpx, and for help the client."""
    program = f"{code}\nimport json, sys; print(json.dumps([*sys.modules]))"
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    imported: set[str] = set(json.loads(finished.stdout.splitlines()[-1]))
    assert imported & absent == set()
    assert present in imported


def test_threads_may_import_at_the_same_time() -> None:
    """Threads that need audio for the first time at once, each other parts of it, all get it."""
    program = f"""
import sys, threading
from concurrent.futures import ThreadPoolExecutor
from {PACKAGE} import audio
sys.setswitchinterval(1e-5)
start = threading.Barrier(len(audio.__all__))
def use(name):
    start.wait()
    return getattr(audio, name)
with ThreadPoolExecutor(len(audio.__all__)) as threads:
    list(threads.map(use, audio.__all__))
"""
    for _ in range(3):
        subprocess.run([sys.executable, "-c", program], check=True)
