"""Measure how exactly the times of models that return none are estimated.

English is spoken by three synthetic voices; its text and true times are those that the sandbox's
recogniser hears. Other languages are spoken sentence by sentence, so that their times are known.
The last row is the human voice of examples/data/inaugural.ogg, heard by the recogniser.

    python benchmarks/times.py [--minutes 12] [--write docs]

With `--write`, the table of docs/times.md and the picture beside it are written anew.
"""

import argparse
import io
import itertools
import json
import platform
import random
import time
import wave
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from page_parts import replace_part
from times_picture import Marks, draw, heights

from apertis_audio_tools.api.request import Upload
from apertis_audio_tools.audio import find_pauses
from apertis_audio_tools.sandbox import Whisper
from apertis_audio_tools.sandbox.audio_decoding import decode
from apertis_audio_tools.sandbox.speech_synthesis import SAMPLE_RATE, EspeakVoice, speak, synthesise
from apertis_audio_tools.text.sentences import split_sentences
from apertis_audio_tools.text.time_estimates import EstimatedText, estimate_times

ROOT = Path(__file__).parents[1]
TEXTS: dict[str, str] = json.loads((Path(__file__).parent / "spoken_texts.json").read_text("utf-8"))
ENGLISH_VOICES = ("alloy", "nova", "shimmer")
LANGUAGES = {"de": "German", "ru": "Russian", "cmn": "Chinese"}
INAUGURAL = ROOT / "examples" / "data" / "inaugural.ogg"
LONG_PAUSES = 0.3
"""Share of the sentences that a longer pause follows."""
NOISE, QUIET = 15, 150
"""Samples: standard deviation of the noise of the room, and the largest without a voice."""


@dataclass(frozen=True)
class Spoken:
    """A recording, its text, and the true start of each sentence in seconds."""

    samples: "array[int]"
    rate: int
    text: str
    starts: list[float]

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.rate

    def wav(self) -> bytes:
        """Return the recording as a wav file."""
        file = io.BytesIO()
        with wave.open(file, "wb") as written:
            written.setparams((1, 2, self.rate, 0, "NONE", ""))
            written.writeframes(self.samples.tobytes())
        return file.getvalue()


@dataclass(frozen=True)
class Score:
    """Distances of estimated from true starts in order, CPU time, and pauses, of a recording."""

    errors: list[float]
    seconds: float
    cpu: float
    pauses: list[tuple[float, float]]
    estimates: list[EstimatedText]


def score(spoken: Spoken, *, uses_pauses: bool = True) -> Score:
    """Estimate the times of a recording, and compare them.

    Raises:
        ValueError: If a time is outside of the recording, or out of order.
    """
    file = spoken.wav()
    began = time.process_time()
    pauses = find_pauses(Upload("speech.wav", "audio/wav", len(file), lambda: io.BytesIO(file)))
    estimates = estimate_times(spoken.text, spoken.seconds, pauses if uses_pauses else [])
    cpu = time.process_time() - began
    times = [each for estimate in estimates for each in (estimate.start, estimate.end)]
    starts = [each.start for each in estimates]
    if min(times) < 0 or max(times) > spoken.seconds or starts != sorted(starts):
        raise ValueError("A time is outside of the recording, or out of order.")
    firsts = list(sentence_starts(spoken.text, estimates))
    errors = [abs(one - other) for one, other in zip(firsts, spoken.starts, strict=True)]
    return Score(sorted(errors), spoken.seconds, cpu, pauses, estimates)


def sentence_starts(text: str, estimates: list[EstimatedText]) -> Iterator[float]:
    """Yield the start of each sentence; a long one is estimated in several parts."""
    parts = iter(estimates)
    for sentence in split_sentences(text):
        missing = len("".join(sentence.split()))
        for number in itertools.count():
            part = next(parts)
            if not number:
                yield part.start
            missing -= len("".join(part.text.split()))
            if missing <= 0:
                break


def speak_english(voice: str, minutes: float, whisper: Whisper) -> Spoken:
    """Return sentences in random order, some with a longer pause, as the recogniser hears them."""
    chance, samples = random.Random(voice), array("h")  # noqa: S311  # reproducible
    sentences = list(split_sentences(TEXTS["en-us"]))
    while len(samples) < minutes * 60 * SAMPLE_RATE:
        samples.frombytes(b"".join(speak(chance.choice(sentences), voice)))
        if chance.random() < LONG_PAUSES:
            samples.extend(array("h", bytes(2 * int(chance.uniform(0.2, 1.5) * SAMPLE_RATE))))
    return recognise(Spoken(add_noise(samples, chance), SAMPLE_RATE, "", []).wav(), whisper)


def recognise(file: bytes, whisper: Whisper) -> Spoken:
    """Return a recording with the text and the times that the recogniser hears."""
    samples = decode(io.BytesIO(file))
    words = [word for segment in whisper.recognise(samples) for word in segment.words]
    text = " ".join(word.text for word in words)
    counts = (len(sentence.split()) for sentence in split_sentences(text))
    firsts = list(itertools.accumulate(counts, initial=0))[:-1]
    return Spoken(array("h", samples), 16_000, text, [words[first].start for first in firsts])


def speak_language(language: str, minutes: float) -> Spoken:
    """Return sentences in random order between pauses of random length, whose times are known."""
    chance, samples = random.Random(language), array("h")  # noqa: S311  # reproducible
    sentences = list(split_sentences(TEXTS[language]))
    said, starts = list[str](), list[float]()
    while len(samples) < minutes * 60 * SAMPLE_RATE:
        samples.extend(array("h", bytes(2 * int(chance.uniform(0.15, 1.1) * SAMPLE_RATE))))
        starts.append(len(samples) / SAMPLE_RATE)
        said.append(chance.choice(sentences))
        samples.extend(without_silence(array("h", synthesise(said[-1], EspeakVoice(language)))))
    separator = "" if language == "cmn" else " "
    return Spoken(add_noise(samples, chance), SAMPLE_RATE, separator.join(said), starts)


def without_silence(samples: "array[int]") -> "array[int]":
    """Return samples from the first to the last that is loud."""
    loud = [at for at, sample in enumerate(samples) if abs(sample) > QUIET]
    return samples[loud[0] : loud[-1] + 1]


def add_noise(samples: "array[int]", chance: random.Random) -> "array[int]":
    """Return samples with the noise of a quiet room, which repeats every two seconds."""
    noise = itertools.cycle([round(chance.gauss(0, NOISE)) for _ in range(2 * SAMPLE_RATE)])
    return array(
        "h", (max(-32768, min(32767, a + b)) for a, b in zip(samples, noise, strict=False))
    )


def row(name: str, scores: list[Score]) -> str:
    """Return a row of the table."""
    errors = sorted(error for each in scores for error in each.errors)
    seconds = sum(each.seconds for each in scores)
    speed = seconds / sum(each.cpu for each in scores)
    minutes, rest = divmod(round(seconds), 60)
    length = f"{minutes} min" if minutes else f"{rest} s"
    at = [errors[int(share * (len(errors) - 1))] for share in (0.5, 0.75, 0.9, 0.95, 0.99, 1)]
    cells = [
        f"{name}, {length}",
        str(len(errors)),
        *(f"{each:.2f}" for each in at),
        f"{speed:,.0f} x",
    ]
    return f"| {' | '.join(cells)} |"


HEADING = """\
| speech | sentences | median | 75 % | 90 % | 95 % | 99 % | largest | times real time |
|---|---|---|---|---|---|---|---|---|"""


def measure(minutes: float) -> tuple[str, list[tuple[Spoken, Score]]]:
    """Return the table, and the English recordings with their scores."""
    with Whisper() as whisper:
        english = [speak_english(voice, minutes, whisper) for voice in ENGLISH_VOICES]
        human = recognise(INAUGURAL.read_bytes(), whisper)
    scores = [score(each) for each in english]
    rows = [row(f"English, {len(english)} voices", scores)]
    rows += [row(name, [score(speak_language(code, minutes))]) for code, name in LANGUAGES.items()]
    rows.append(row("English, a human voice", [score(human)]))
    rows.append(
        row("English, by letters alone", [score(each, uses_pauses=False) for each in english])
    )
    return "\n".join([HEADING, *rows]), list(zip(english, scores, strict=True))


def main() -> None:
    """Read the arguments, and print or write the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=12, help="length of a piece (12)")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="folder of times.md")
    arguments = parser.parse_args()
    table, english = measure(arguments.minutes)
    table += f"\n\nPython {platform.python_version()}, one processor of {platform.machine()}."
    print(table)
    if arguments.write:
        replace_part(arguments.write / "times.md", "times", table)
        spoken, scored = english[0]
        begin = min(300.0, max(0.0, spoken.seconds - 30))
        picture = draw(
            heights(spoken.samples, spoken.rate, begin),
            Marks(spoken.starts, [each.start for each in scored.estimates], scored.pauses),
            begin,
        )
        (arguments.write / "time_estimates.svg").write_text(picture)


if __name__ == "__main__":
    main()
