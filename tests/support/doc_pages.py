"""The pages of documentation, their code blocks, and a folder with the files they mention."""

import functools
import io
import re
import shutil
import wave
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
CLIPS = ROOT / "tests" / "clips"
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))

_RECORDINGS = (
    "examples/data/standup.ogg",
    "recordings/standup.ogg",
    "standup.ogg",
    "meeting.m4a",
    "interview.mp3",
    "besprechung.ogg",
)


def code_blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks on a page that are in a language."""
    found = re.findall(
        rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    return [str(each) for each in found]


def copy_recordings(folder: Path) -> Path:
    """Copy short clips into a folder, under the names that pages and docstrings mention."""
    for name in _RECORDINGS:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CLIPS / f"clip{path.suffix}", path)
    (folder / "call.wav").write_bytes(_call())
    shutil.copy(ROOT / "README.md", folder)
    return folder


@functools.cache
def _call() -> bytes:
    """Return a clip whose first half is on one channel and whose second half is on another."""
    call = io.BytesIO()
    with wave.open(str(CLIPS / "clip.wav")) as clip, wave.open(call, "wb") as target:
        target.setparams(clip.getparams()._replace(nchannels=2))
        samples = np.frombuffer(clip.readframes(clip.getnframes()), np.int16)
        channels = np.zeros((len(samples), 2), np.int16)
        half = len(samples) // 2
        channels[:half, 0], channels[half:, 1] = samples[:half], samples[half:]
        target.writeframesraw(channels.tobytes())
    return call.getvalue()


def run_code(
    code: str, name: str, mode: str = "exec", space: dict[str, object] | None = None
) -> None:
    """Run code in a namespace of its own or in `space`."""
    exec(compile(code, name, mode), {"__name__": "__main__"} if space is None else space)
