"""The programs that are compared, each in a process of its own.

    python benchmarks/contestants.py cut-ours RECORDING
    python benchmarks/contestants.py cut-recipe RECORDING
    python benchmarks/contestants.py transcribe-ours RECORDING BASE_URL
    python benchmarks/contestants.py transcribe-oursmp3 RECORDING BASE_URL
    python benchmarks/contestants.py transcribe-recipe RECORDING BASE_URL

The recipe is the one of the service's documentation: pydub loads the recording, cuts it every ten
minutes and exports each piece as mp3, and the openai client sends one after the other. `oursmp3`
encodes to mp3 before sending, as the recipe does.
"""

import argparse
import functools
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MAX_BYTES = 26_214_400 - 4_096
"""The service's limit, less the size of the multipart frame."""
RECIPE_SECONDS = 600
KEY = "sk-benchmark"


def cut_ours(recording: str) -> None:
    """Cut a recording as the client does, and discard the pieces."""
    from apertis_audio_tools.audio import cut_pieces, probe

    for piece in cut_pieces(probe(recording), max_bytes=MAX_BYTES):
        piece.close()


def cut_recipe(recording: str) -> None:
    """Cut a recording with pydub."""
    with tempfile.TemporaryDirectory() as folder:
        for _ in _recipe_pieces(recording, Path(folder)):
            pass


def transcribe_ours(recording: str, base_url: str, **options: Any) -> None:
    """Transcribe a recording with this package's defaults, but without a cache."""
    from apertis_audio_tools import ApertisAudio

    with ApertisAudio(KEY, base_url=base_url, cache=False) as audio:
        audio.transcribe(recording, **options)


def transcribe_recipe(recording: str, base_url: str) -> str:
    """Transcribe a recording with pydub and the openai client."""
    from openai import OpenAI

    client = OpenAI(api_key=KEY, base_url=base_url)
    transcripts = []
    with tempfile.TemporaryDirectory() as folder:
        for piece in _recipe_pieces(recording, Path(folder)):
            with piece.open("rb") as file:
                response = client.audio.transcriptions.create(model="whisper-1", file=file)
            transcripts.append(response.text)
    return " ".join(transcripts)


def ffmpeg_command(recording: Path, hours: float, folder: Path) -> list[str]:
    """Return the ffmpeg command that cuts pieces as long as ours, regardless of pauses."""
    max_seconds = hours * 3600 * MAX_BYTES / recording.stat().st_size
    seconds = min(max_seconds, max(180.0, min(hours * 3600 / 20, 300.0)))
    pattern = folder / f"%03d{recording.suffix}"
    options = ["-map", "0:a", "-c", "copy", "-f", "segment", "-segment_time", f"{seconds:.0f}"]
    return ["ffmpeg", "-v", "error", "-y", "-i", str(recording), *options, str(pattern)]


def contestant_command(name: str, *arguments: object) -> list[str]:
    """Return the command that runs one of `CONTESTANTS`."""
    return [sys.executable, __file__, name, *map(str, arguments)]


def _recipe_pieces(recording: str, folder: Path) -> Iterator[Path]:
    from pydub import AudioSegment

    audio = AudioSegment.from_file(recording)
    length = RECIPE_SECONDS * 1000
    chunks = [audio[start : start + length] for start in range(0, len(audio), length)]
    for number, chunk in enumerate(chunks):
        path = folder / f"chunk_{number}.mp3"
        chunk.export(path, format="mp3")
        yield path


CONTESTANTS = {
    "cut-ours": cut_ours,
    "cut-recipe": cut_recipe,
    "transcribe-ours": transcribe_ours,
    "transcribe-oursmp3": functools.partial(transcribe_ours, upload_format="mp3"),
    "transcribe-recipe": transcribe_recipe,
}


def main() -> None:
    """Run one contestant."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("contestant", choices=CONTESTANTS)
    parser.add_argument("recording")
    parser.add_argument("base_url", nargs="?", help="of the service that transcribes")
    arguments = parser.parse_args()
    base_url = [arguments.base_url] if arguments.base_url else []
    CONTESTANTS[arguments.contestant](arguments.recording, *base_url)


if __name__ == "__main__":
    main()
