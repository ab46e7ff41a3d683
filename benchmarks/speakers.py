"""Transcribe a meeting with one speaker on each channel, and compare it with its mono sum.

Six voices talk, two at a time, each on a channel of its own. Some of them interrupt each other, and
each channel hears the other one more softly. The sandbox recognises both recordings. The table
says how many words are wrong, how many are on the channel of their speaker, and how many seconds of
audio were sent.

    python benchmarks/speakers.py --minutes 60

Install `.[sandbox]`. An hour takes several minutes. Exits with 1 if a figure is beyond its limit.
"""

import argparse
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from apertis_audio_tools import ApertisAudio
from apertis_audio_tools.sandbox import Recogniser, Sandbox, SpeechSegment, Whisper

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from support.conversations import converse, count_errors, permuted_error, plain_words, right_share

NAMES = ("Host", "Guest")
MAX_MORE_ERRORS, MIN_RIGHT, MAX_BILLED = 0.01, 0.98, 1.2


class CountingRecogniser:
    """A recogniser that counts the seconds it hears."""

    def __init__(self, engine: Recogniser) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self.seconds = 0.0
        self.requests = 0

    def recognise(self, pcm: bytes, /) -> Iterable[SpeechSegment]:
        """Recognise samples; see `Recogniser.recognise`."""
        with self._lock:
            self.seconds += len(pcm) / 32_000
            self.requests += 1
        return self._engine.recognise(pcm)


def compare(minutes: float, crosstalk: float) -> bool:
    """Print the table; return whether all figures are within their limits."""
    meeting = converse(60 * minutes, crosstalk=crosstalk)
    with (
        Whisper() as engine,
        Sandbox(recogniser=(counter := CountingRecogniser(engine))) as url,
        ApertisAudio("sk-sandbox", base_url=url, max_concurrency=2) as audio,
    ):
        begin = time.perf_counter()
        mono = audio.transcribe(("mono.wav", meeting.to_mono_wav()))
        mono_seconds, between = counter.seconds, time.perf_counter()
        speakers = audio.transcribe(
            ("meeting.wav", meeting.to_wav()), speakers="channels", speaker_names=NAMES
        )
        end = time.perf_counter()
    sent = counter.seconds - mono_seconds
    words = meeting.words()
    mono_error = count_errors(words, plain_words(mono.text)) / len(words)
    error = permuted_error(meeting, speakers)
    right = right_share(meeting, speakers, NAMES)
    spoken = meeting.spoken_seconds
    print(
        f"A meeting of {meeting.seconds / 60:.1f} minutes with {len(meeting.turns)} turns, "
        f"{len(words)} words, {spoken:.0f} s of speech, crosstalk of {crosstalk:g} dB\n\n"
        "| | mono | speakers by channel | limit |\n|---|---|---|---|\n"
        f"| words wrong | {mono_error:.2%} | {error:.2%} (cpWER) | mono + 1 % |\n"
        f"| words on the right channel | | {right:.2%} | 98 % |\n"
        f"| seconds sent for each second of speech | {mono_seconds / spoken:.2f} | "
        f"{sent / spoken:.3f} | 1.2 |\n"
        f"| seconds of work | {between - begin:.0f} | {end - between:.0f} | |"
    )
    return (
        error <= mono_error + MAX_MORE_ERRORS and right >= MIN_RIGHT and sent <= MAX_BILLED * spoken
    )


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60, help="length of the meeting")
    parser.add_argument("--crosstalk", type=float, default=-18, help="decibels")
    arguments = parser.parse_args()
    sys.exit(not compare(arguments.minutes, arguments.crosstalk))


if __name__ == "__main__":
    main()
