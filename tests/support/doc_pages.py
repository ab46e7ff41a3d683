"""The pages of documentation, their code blocks, and a folder with the files they mention."""

import re
import shutil
import wave
from pathlib import Path

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
    _write_call(folder / "call.wav")
    shutil.copy(ROOT / "README.md", folder)
    return folder


def _write_call(path: Path) -> None:
    """Write a clip whose first half is on one channel and whose second half is on another."""
    with wave.open(str(CLIPS / "clip.wav")) as clip, wave.open(str(path), "wb") as call:
        call.setparams(clip.getparams()._replace(nchannels=2))
        frames, size = clip.readframes(clip.getnframes()), clip.getsampwidth()
        half = len(frames) // size // 2 * size
        for start in range(0, len(frames), size):
            sample, silence = frames[start : start + size], bytes(size)
            call.writeframesraw(sample + silence if start < half else silence + sample)


def run_code(
    code: str, name: str, mode: str = "exec", space: dict[str, object] | None = None
) -> None:
    """Run code in a namespace of its own or in `space`."""
    exec(compile(code, name, mode), {"__name__": "__main__"} if space is None else space)
