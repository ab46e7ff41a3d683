"""Synthesise the meeting in standup.txt with three voices and write it as standup.ogg.

This needs the program flite (on Debian: apt install flite) and PyAV. A text always becomes the same
recording: pauses and room noise come from a seeded generator.
"""

import argparse
import array
import io
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
import wave
from pathlib import Path

import av

TEXT = Path(__file__).with_name("standup.txt")
RECORDING = Path(__file__).with_name("standup.ogg")

VOICES = ("rms", "slt", "awb")
SAMPLE_RATE = 16_000  # Hz, the rate these voices of flite are made with
SPEECH_RMS = 2_600  # of 32,767: every voice equally loud, with room for its peaks
NOISE_RMS = 40  # of 32,767: a quiet room, about 36 dB below the speech
PAUSES = (0.7, 1.6)  # seconds: the shortest and the longest between two turns
BIT_RATE = 32_000  # bits per second
SEED = 2026


class SynthesisError(Exception):
    """The meeting cannot be synthesised on this machine."""


def turns(text: Path = TEXT) -> list[str]:
    """Return the text of each turn; the speakers take turns in the order of VOICES."""
    lines = [line.strip() for line in text.read_text("utf-8").splitlines() if line.strip()]
    if not lines:
        raise SynthesisError(f"{text.name} has no text to speak.")
    return lines


def find_flite() -> str:
    """Return the path of flite, after a check that it has every voice of the meeting."""
    program = shutil.which("flite")
    if program is None:
        raise SynthesisError("flite is not installed (on Debian: apt install flite).")
    if missing := set(VOICES) - set(run(program, "-lv").split()):
        raise SynthesisError(f"flite lacks the voices: {', '.join(sorted(missing))}.")
    return program


def run(*command: str) -> str:
    """Run a command and return its output."""
    finished = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if finished.returncode:
        raise SynthesisError(f"{command[0]} failed: {finished.stderr.strip()}")
    return finished.stdout


def speak(flite: str, sentences: str, voice: str) -> list[int]:
    """Return a turn as 16-bit mono samples, normalised and without silence at its ends."""
    with tempfile.TemporaryDirectory() as folder:
        target = f"{folder}/turn.wav"
        run(flite, "-voice", voice, "-t", sentences, "-o", target)
        with wave.open(target) as speech:
            if (speech.getframerate(), speech.getnchannels()) != (SAMPLE_RATE, 1):
                raise SynthesisError(f"the voice {voice} is not {SAMPLE_RATE} Hz mono.")
            samples = array.array("h", speech.readframes(speech.getnframes())).tolist()
    return normalise(trim(samples))


def trim(samples: list[int]) -> list[int]:
    """Return the samples between the first and the last above a hundredth of the peak."""
    if not any(samples):
        raise SynthesisError("flite returned silence for a turn: does it contain words?")
    threshold = max(map(abs, samples)) / 100
    audible = [index for index, sample in enumerate(samples) if abs(sample) > threshold]
    return samples[audible[0] : audible[-1] + 1]


def normalise(samples: list[int]) -> list[int]:
    """Return the samples at the loudness SPEECH_RMS."""
    gain = SPEECH_RMS / math.sqrt(sum(sample * sample for sample in samples) / len(samples))
    return [round(sample * gain) for sample in samples]


def meeting(flite: str, texts: list[str]) -> list[int]:
    """Return all turns with pauses around them and room noise."""
    generator = random.Random(SEED)  # noqa: S311
    samples = silence(generator)
    for index, sentences in enumerate(texts):
        samples += speak(flite, sentences, VOICES[index % len(VOICES)]) + silence(generator)
    return add_room_noise(samples, generator)


def silence(generator: random.Random) -> list[int]:
    """Return a pause of a random length within PAUSES."""
    return [0] * round(generator.uniform(*PAUSES) * SAMPLE_RATE)


def add_room_noise(samples: list[int], generator: random.Random) -> list[int]:
    """Return the samples with soft, low noise added, clipped to 16 bits."""
    smoothing = 0.9
    # A one-pole low pass divides the power of white noise by (1 + smoothing) / (1 - smoothing);
    # that of uniform noise is a third of its squared peak.
    peak = NOISE_RMS * math.sqrt(3 * (1 + smoothing) / (1 - smoothing))
    noise, mixed = 0.0, []
    for sample in samples:
        noise = smoothing * noise + (1 - smoothing) * generator.uniform(-peak, peak)
        mixed.append(max(-32_768, min(32_767, sample + round(noise))))
    return mixed


def wav_file(samples: list[int]) -> io.BytesIO:
    """Return the samples as a WAV file in memory."""
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes(array.array("h", samples).tobytes())
    target.seek(0)
    return target


def ogg_file(samples: list[int]) -> bytes:
    """Return the samples as Opus in Ogg; bitexact omits the random serial number."""
    target = io.BytesIO()
    with (
        av.open(wav_file(samples), "r") as source,
        av.open(target, "w", format="ogg", options={"fflags": "+bitexact"}) as container,
    ):
        stream = container.add_stream("libopus", rate=SAMPLE_RATE)
        stream.layout = "mono"
        stream.bit_rate = BIT_RATE
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
    """Write the recording and print its length and size."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, default=RECORDING, help="default: %(default)s")
    output: Path = parser.parse_args().output
    try:
        samples = meeting(find_flite(), turns())
        content = ogg_file(samples)
        replace(output, content)
    except (SynthesisError, OSError, av.FFmpegError) as error:
        sys.exit(f"make_standup.py: {error}")
    print(f"{output}: {len(samples) / SAMPLE_RATE:.1f} seconds, {len(content):,} bytes")


if __name__ == "__main__":
    main()
