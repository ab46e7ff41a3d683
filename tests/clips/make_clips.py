"""Synthesise one short sentence and write it in every container and codec that the tests read.

This needs the program flite (on Debian: apt install flite) and PyAV. The same versions of both
produce the same bytes.
"""

import argparse
import array
import io
import os
import shutil
import subprocess
import sys
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path

import av

HERE = Path(__file__).parent
SENTENCE = "The meeting is tomorrow."
VOICE = "awb"
SAMPLE_RATE = 16_000  # Hz, the rate this voice of flite is made with
MARGIN = SAMPLE_RATE // 20  # samples of silence kept before and after the speech


@dataclass(frozen=True)
class Encoding:
    """FFmpeg's names of a container and a codec, and a bit rate for codecs that have one."""

    container: str
    codec: str
    bit_rate: int = 0


ENCODINGS = {
    "aac": Encoding("adts", "aac", 32_000),
    "aiff": Encoding("aiff", "pcm_s16be"),
    "flac": Encoding("flac", "flac"),
    "m4a": Encoding("ipod", "aac", 32_000),
    "mkv": Encoding("matroska", "aac", 32_000),
    "mp3": Encoding("mp3", "libmp3lame", 32_000),
    "mp4": Encoding("mp4", "aac", 32_000),
    "mpeg": Encoding("mpeg", "mp2", 32_000),
    "mpga": Encoding("mp2", "mp2", 32_000),
    "ogg": Encoding("ogg", "libopus", 24_000),
    "opus": Encoding("opus", "libopus", 24_000),
    "wav": Encoding("wav", "pcm_s16le"),
    "webm": Encoding("webm", "libopus", 24_000),
}


class SynthesisError(Exception):
    """The clips cannot be made on this machine."""


def synthesise() -> bytes:
    """Return the sentence as a WAV file, with MARGIN around the speech."""
    program = shutil.which("flite")
    if program is None:
        raise SynthesisError("flite is not installed (on Debian: apt install flite).")
    if VOICE not in run(program, "-lv").split():
        raise SynthesisError(f"flite lacks the voice {VOICE}.")
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "sentence.wav"
        run(program, "-voice", VOICE, "-t", SENTENCE, "-o", str(target))
        return trim(target.read_bytes())


def run(*command: str) -> str:
    """Run a command and return its output."""
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode:
        raise SynthesisError(f"{command[0]} failed: {finished.stderr.strip()}")
    return finished.stdout


def trim(wav: bytes) -> bytes:
    """Return a WAV file with at most MARGIN of silence at either end."""
    with wave.open(io.BytesIO(wav)) as file:
        parameters = file.getparams()
        samples = array.array("h", file.readframes(parameters.nframes))
    threshold = max(map(abs, samples)) / 100
    audible = [index for index, sample in enumerate(samples) if abs(sample) > threshold]
    kept = samples[max(0, audible[0] - MARGIN) : audible[-1] + MARGIN]
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setparams(parameters)
        file.writeframes(kept.tobytes())
    return target.getvalue()


def encode(wav: bytes, encoding: Encoding) -> bytes:
    """Return the WAV file in another encoding; bitexact omits dates and random numbers."""
    target = io.BytesIO()
    options = {"fflags": "+bitexact"}
    with (
        av.open(io.BytesIO(wav), "r") as source,
        av.open(target, "w", format=encoding.container, options=options) as container,
    ):
        stream = container.add_stream(encoding.codec, rate=SAMPLE_RATE)
        assert isinstance(stream, av.AudioStream)
        stream.layout = "mono"
        if encoding.bit_rate:
            stream.bit_rate = encoding.bit_rate
        for frame in source.decode(audio=0):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return target.getvalue()


def replace(path: Path, content: bytes) -> None:
    """Write a file completely, or leave the old one unchanged."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def main() -> None:
    """Make all clips and write them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, default=HERE, help="a folder (default: %(default)s)")
    output: Path = parser.parse_args().output
    try:
        wav = synthesise()
        clips = {suffix: encode(wav, encoding) for suffix, encoding in ENCODINGS.items()}
        for suffix, content in clips.items():
            replace(output / f"clip.{suffix}", content)
    except (SynthesisError, OSError, av.FFmpegError) as error:
        sys.exit(f"make_clips.py: {error}")


if __name__ == "__main__":
    main()
