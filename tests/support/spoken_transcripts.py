"""Transcripts in several languages and speeds, as a service returns them."""

import json
from collections.abc import Iterator
from pathlib import Path

from rich.cells import cell_len

from apertis_audio_tools import Segment, Transcript, Word
from apertis_audio_tools.text.sentences import split_sentences

TEXTS: dict[str, str] = json.loads((Path(__file__).parent / "spoken_texts.json").read_text("utf-8"))


def say(
    text: str, speed: float, *, pause: float = 0.4, start: float = 0.3, has_words: bool = False
) -> list[Segment]:
    """Return the sentences of a text, with some columns per second and pauses between them."""
    segments = list[Segment]()
    for sentence in split_sentences(text):
        end = start + cell_len(sentence) / speed
        words = tuple(_words(sentence, start, end)) if has_words else ()
        segments.append(Segment(start=start, end=end, text=f" {sentence}", words=words))
        start = end + pause
    return segments


def _words(sentence: str, start: float, end: float) -> Iterator[Word]:
    """Yield the words of a sentence, in lower case and without punctuation."""
    step, position = (end - start) / len(sentence), 0
    for word in sentence.split():
        position = sentence.index(word, position)
        first, last = start + position * step, start + (position + len(word)) * step
        yield Word(start=first, end=last, text=word.lower().strip(".,;?!"))
        position += len(word)


def transcript_of(segments: list[Segment], silence: float = 2.0) -> Transcript:
    """Return the transcript of a recording that ends with a silence."""
    text = " ".join(each.text.strip() for each in segments)
    duration = max(each.end for each in segments) + silence
    return Transcript(text=text, segments=tuple(segments), duration=duration)


def talk(*turns: tuple[str, float, float, str]) -> list[Segment]:
    """Return turns of speakers: name, start, end, text."""
    return [
        Segment(start=start, end=end, text=text, speaker=name) for name, start, end, text in turns
    ]


TRANSCRIPTS = {
    "English": transcript_of(say(TEXTS["english"], 14, has_words=True)),
    "fast English": transcript_of(say(TEXTS["english"], 24, pause=0.1, has_words=True)),
    "slow English": transcript_of(say(TEXTS["english"], 7, pause=1.5)),
    "German": transcript_of(say(TEXTS["german"], 15)),
    "French": transcript_of(say(TEXTS["french"], 16, pause=0.2)),
    "Russian": transcript_of(say(TEXTS["russian"], 15, has_words=True)),
    "Chinese": transcript_of(say(TEXTS["chinese"], 9)),
    "fast Chinese": transcript_of(say(TEXTS["chinese"], 20, pause=0.05)),
    "Japanese": transcript_of(say(TEXTS["japanese"], 14)),
    "Korean": transcript_of(say(TEXTS["korean"], 12)),
    "Thai": transcript_of(say(TEXTS["thai"], 14)),
    "Arabic": transcript_of(say(TEXTS["arabic"], 14)),
    "Hindi": transcript_of(say(TEXTS["hindi"], 13)),
    "emoji and markup": transcript_of(say(TEXTS["emoji"], 10)),
    "speakers": transcript_of(
        talk(
            ("Ann", 0.0, 4.0, "I think we should wait until Thursday, because the server keeps"),
            ("Bob", 3.2, 3.6, "Mhm."),
            ("Ann", 4.2, 7.0, "the old passwords for an hour, and nobody knows why."),
            ("Bob", 6.5, 9.0, "But the customers have to be told today."),
            ("Professor Maximiliane von Hohenzollern-Sigmaringen", 9.5, 13, "They are. I did it."),
            ("Ann", 13.0, 13.0, "Good."),
            ("Bob", 16.0, 40.0, "Then  that is all."),
        )
    ),
    "one text without times": Transcript(text=TEXTS["english"] + TEXTS["chinese"], duration=90.0),
    "times that were clamped": transcript_of(
        [
            Segment(start=1, end=1, text=TEXTS["english"], clamped=True),
            *say(TEXTS["german"], 14, start=60),
        ]
    ),
}
