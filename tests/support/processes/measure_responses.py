"""A process that reads hostile responses and writes what that costs.

Its arguments are a base URL and the names of the responses that are sent there, each of them twice:
to the sync and to the async form.
"""

import contextlib
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from apertis_audio_tools import ApertisAudio
from apertis_audio_tools.errors import ApertisError
from support.hostile.responses import RESPONSES
from support.sync_async import RUNS
from support.wav_files import silent_wav

ARGUMENTS: dict[str, list[Any]] = {
    "transcribe": [("talk.wav", silent_wav(3200))],
    "chat": ["Hello?"],
    "stream_chat": ["Hello?"],
    "models": [],
}
MODELS = {"transcribe": "whisper-1", "chat": "gpt-audio", "stream_chat": "gpt-audio"}
"""Models, so that no list of models is requested."""


def reset_peak() -> int:
    """Start to measure the peak of the memory anew, where the system can; return the peak."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return peak()


def peak() -> int:
    """Return the most bytes that this process has had in memory."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def read_all(audio: ApertisAudio, name: str) -> list[str]:
    """Read a response in both forms, and return the types of the results or errors."""
    response, outcomes = RESPONSES[name], []
    verb = response.verb
    options = {"model": MODELS[verb], **response.options} if verb in MODELS else {}
    for run in RUNS.values():
        try:
            outcomes.append(type(run(audio, verb, *ARGUMENTS[verb], **options)).__name__)
        except ApertisError as error:
            outcomes.append(type(error).__name__)
    return outcomes


def main() -> None:
    """Write a line for each response: its name, outcomes, memory and seconds of processor."""
    url, *names = sys.argv[1:]
    with ApertisAudio("key-of-a-test", base_url=url, max_retries=0) as audio:
        audio.models()
        for name in names:
            before, began = reset_peak(), time.process_time()
            outcomes = read_all(audio, name)
            costs = peak() - before, time.process_time() - began
            sys.stdout.write(json.dumps([name, outcomes, *costs]) + "\n")


if __name__ == "__main__":
    main()
