"""Conversations of known words, with each speaker on a channel of its own, and their scores."""

import io
import random
import re
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apertis_audio_tools import Transcript
from apertis_audio_tools.sandbox.speech_synthesis import SAMPLE_RATE as SPOKEN_RATE
from apertis_audio_tools.sandbox.speech_synthesis import speak

RATE = 16_000
VOICES = (("alloy", "nova"), ("echo", "shimmer"), ("fable", "onyx"))
"""Pairs of voices that talk to each other, one on each channel."""
Samples = NDArray[np.float32]

_SUBJECTS = (
    *("The engineer", "Our neighbor", "The city council", "My sister", "The new manager"),
    *("A good teacher", "The whole team", "The doctor", "Every customer", "The old captain"),
)
_VERBS = (
    *("has finished", "wants to see", "will explain", "should not forget", "has already paid for"),
    *("is looking for", "would like to change", "asked about", "never understood", "has lost"),
)
_OBJECTS = (
    *("the report about the bridge", "a plan for the garden", "the key to the storage room"),
    *("the letter from the bank", "a better price for the tickets", "the picture of the harbor"),
    *("the rules of the game", "a list of open questions", "the budget of the museum"),
    *("the road to the station", "a warm coat for the winter", "the answer from the lawyer"),
)
_ENDINGS = (
    *("before the end of the week", "because the weather was bad", "after a long discussion"),
    *("without telling anybody", "in the middle of the night", "since the beginning of March"),
    *("if nobody has a better idea", "when the children are at school", "as soon as possible"),
    *("although it was too expensive", "on the way to the airport", "at the request of the mayor"),
)
_PARTS = (_SUBJECTS, _VERBS, _OBJECTS, _ENDINGS)


@dataclass(frozen=True)
class Turn:
    """Words of one speaker on a channel, from `start` to `end` in seconds."""

    channel: int
    start: float
    end: float
    text: str


@dataclass(frozen=True)
class Conversation:
    """Turns, and the samples of two channels."""

    turns: tuple[Turn, ...]
    channels: tuple[Samples, Samples]

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.channels[0]) / RATE

    @property
    def spoken_seconds(self) -> float:
        """Seconds of speech on both channels together."""
        return sum(turn.end - turn.start for turn in self.turns)

    def words(self, channel: int | None = None) -> list[str]:
        """Return the words of a channel, or of both by the start of their turns."""
        turns = (each for each in self.turns if channel in {None, each.channel})
        return [word for turn in turns for word in plain_words(turn.text)]

    def to_wav(self) -> bytes:
        """Return a file with both channels."""
        file = io.BytesIO()
        with wave.open(file, "wb") as target:
            target.setnchannels(2)
            target.setsampwidth(2)
            target.setframerate(RATE)
            target.writeframes(np.stack([_to_int16(each) for each in self.channels], 1).tobytes())
        return file.getvalue()

    def to_mono_wav(self) -> bytes:
        """Return a file with the sum of both channels."""
        file = io.BytesIO()
        with wave.open(file, "wb") as target:
            target.setnchannels(1)
            target.setsampwidth(2)
            target.setframerate(RATE)
            target.writeframes(_to_int16((self.channels[0] + self.channels[1]) / 2).tobytes())
        return file.getvalue()


def _to_int16(samples: NDArray[Any]) -> NDArray[np.int16]:
    clipped: NDArray[np.int16] = np.clip(np.rint(samples), -32_768, 32_767).astype(np.int16)
    return clipped


def converse(
    seconds: float, *, crosstalk: float = -18.0, noise: float = 8.0, seed: int = 1
) -> Conversation:
    """Return a conversation of pairs of voices, one after another, some of whose turns overlap.

    Args:
        seconds: Shortest length.
        crosstalk: Decibels of each channel in the other one, 5 ms later.
        noise: Standard deviation of the noise of each channel, of 32,767.
        seed: Number that the words and the pauses depend on.
    """
    dice = random.Random(seed)
    turns, spoken = list[Turn](), list[Samples]()
    begin = 0.5
    for number, text in enumerate(_texts(dice)):
        pair = VOICES[min(int(begin / seconds * len(VOICES)), len(VOICES) - 1)]
        channel = number % 2
        samples = _speech(text, pair[channel])
        length = len(samples) / RATE
        turns.append(Turn(channel, begin, begin + length, text))
        spoken.append(samples)
        if begin + length >= seconds:
            break
        overlaps = dice.random() < 0.15
        begin += max(length + (-dice.uniform(0.4, 1.5) if overlaps else dice.uniform(0.2, 1.2)), 1)
    return Conversation(tuple(turns), _record(turns, spoken, crosstalk, noise))


def _record(
    turns: Sequence[Turn], spoken: Sequence[Samples], crosstalk: float, noise: float
) -> tuple[Samples, Samples]:
    length = int((max(turn.end for turn in turns) + 0.5) * RATE)
    voices = [np.zeros(length, np.float32) for _ in range(2)]
    for turn, samples in zip(turns, spoken, strict=True):
        first = round(turn.start * RATE)
        voices[turn.channel][first : first + len(samples)] += samples
    gain = np.float32(10 ** (crosstalk / 20))
    sounds = np.random.default_rng(1)
    first, second = (
        own + gain * np.roll(other, RATE // 200) + sounds.normal(0, noise, length).astype("f4")
        for own, other in (voices, voices[::-1])
    )
    return first, second


def _texts(dice: random.Random) -> Iterator[str]:
    """Yield what is said at once: one to three sentences."""
    while True:
        sentences = (" ".join(dice.choice(part) for part in _PARTS) for _ in range(4))
        yield " ".join(f"{each}." for each, _ in zip(sentences, range(dice.randint(1, 3))))  # noqa: B905


@cache
def _speech(text: str, voice: str) -> Samples:
    pcm = np.frombuffer(b"".join(speak(text, voice)), np.int16)
    loud = np.flatnonzero(np.abs(pcm) > 100)
    pcm = pcm[loud[0] : loud[-1] + 1]
    times = np.arange(int(len(pcm) * RATE / SPOKEN_RATE)) * (SPOKEN_RATE / RATE)
    samples: Samples = np.interp(times, np.arange(len(pcm)), pcm).astype(np.float32)
    return samples


def plain_words(text: str) -> list[str]:
    """Return the words of a text in lower case, without punctuation."""
    return re.findall(r"[a-z0-9']+", text.lower())


def speaker_words(transcript: Transcript) -> dict[str, list[str]]:
    """Return the words of each speaker, in order."""
    words: dict[str, list[str]] = {}
    for segment in transcript.segments:
        words.setdefault(segment.speaker or "", []).extend(plain_words(segment.text))
    return words


def count_errors(expected: Sequence[str], heard: Sequence[str]) -> int:
    """Return the number of words that are wrong, missing or too many (Levenshtein)."""
    vocabulary = {word: at for at, word in enumerate({*expected, *heard})}
    row = np.array([vocabulary[word] for word in heard], np.int64)
    costs = np.arange(len(heard) + 1)
    steps = np.arange(len(heard) + 1)
    for number, word in enumerate(expected, 1):
        best = np.minimum(costs[:-1] + (row != vocabulary[word]), costs[1:] + 1)
        best = np.concatenate([[number], best])
        costs = np.minimum.accumulate(best - steps) + steps
    return int(costs[-1])


def permuted_error(conversation: Conversation, transcript: Transcript) -> float:
    """Return the concatenated minimum-permutation word error rate (Watanabe et al., CHiME-6)."""
    expected = [conversation.words(0), conversation.words(1)]
    heard = [*speaker_words(transcript).values(), [], []]
    errors = min(
        sum(count_errors(*pair) for pair in zip(expected, order, strict=False))
        + sum(len(each) for each in order[2:])
        for order in permutations(heard[: max(2, len(heard) - 2)])
    )
    return errors / len(conversation.words())


def right_share(conversation: Conversation, transcript: Transcript, names: Sequence[str]) -> float:
    """Return the share of the words that were heard and are on the channel of their speaker.

    A word is on the wrong channel if nobody says it there, and somebody does on the other one
    within two seconds.
    """
    right = wrong = 0
    for channel, name in enumerate(names):
        timed = [
            (word, segment.start, segment.end)
            for segment in transcript.segments
            if segment.speaker == name
            for word in plain_words(segment.text)
        ]
        own = conversation.words(channel)
        matcher = SequenceMatcher(None, own, [word for word, _, _ in timed], autojunk=False)
        matched = {
            block.b + at for block in matcher.get_matching_blocks() for at in range(block.size)
        }
        right += len(matched)
        for number, (word, start, end) in enumerate(timed):
            if number not in matched:
                wrong += any(
                    turn.channel != channel
                    and turn.start - 2 < end
                    and start < turn.end + 2
                    and word in plain_words(turn.text)
                    for turn in conversation.turns
                )
    return right / (right + wrong)
