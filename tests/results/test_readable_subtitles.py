"""Subtitles that people can read: the rules of the field hold, and every word is shown in time."""

import logging
import os
import re
from math import inf, nan

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from apertis_audio_tools import Segment, Transcript, UnsupportedError, Word
from support.spoken_transcripts import TEXTS, TRANSCRIPTS, talk, transcript_of
from support.subtitle_rules import broken_rules, missing_gaps, read_subtitles

IS_LONG = bool(os.environ.get("APERTIS_LONG_TESTS"))
FAST = {"fast English", "fast Chinese", "speakers"}
"""Transcripts in which some texts are spoken faster than they can be read."""


def letters(text: str) -> str:
    """Return a text without white space, as it is written in subtitles."""
    return "".join(text.replace("-->", "→").split())


@pytest.mark.parametrize("name", TRANSCRIPTS)
@pytest.mark.parametrize("form", ["to_srt", "to_vtt"])
def test_rules_hold(name: str, form: str) -> None:
    """An independent reader finds no broken rule, and as many hurried texts as are counted."""
    transcript = TRANSCRIPTS[name]
    shown = read_subtitles(getattr(transcript, form)(max_line=42))
    broken, fast = broken_rules(shown, transcript.duration or 0.0)
    assert broken == []
    if form == "to_srt":
        assert fast == sum(cue.is_hurried for cue in transcript.cues())
        assert bool(fast) == (name in FAST), fast
        assert missing_gaps(shown) == []


@pytest.mark.parametrize("name", sorted(TRANSCRIPTS.keys() - {"speakers"}))
def test_every_word_is_shown(name: str) -> None:
    """All text is shown, in order."""
    transcript = TRANSCRIPTS[name]
    shown = read_subtitles(transcript.to_vtt(max_cps=17))
    assert letters("".join(line for text in shown for line in text.lines)) == letters(
        transcript.text
    )


PIECES = st.text(
    "aé .,!<>&-;\n\u00a0\u200d中。「」กเ้าแ\u0301\u05d0\u0627🎙👍🏽🇩🇪❤\ufe0fxyz", max_size=60
)
WORDS = st.lists(st.sampled_from(["one", "two,", "three.", "https://a.example/" + "x" * 50, "No."]))
TIMES = st.integers(0, 60_000).map(lambda milliseconds: milliseconds / 1000)
SEGMENTS = st.builds(
    lambda start, length, text, speaker, words: Segment(
        start=start,
        end=start + length,
        text=text,
        speaker=speaker,
        words=tuple(Word(start=at, end=at + 0.5, text=word) for at, word in words),
    ),
    TIMES,
    st.sampled_from([0, 0.2, 1, 3, 30]),
    PIECES | WORDS.map(" ".join),
    st.sampled_from([None, "Ann", "Bob < & a long name"]),
    st.lists(st.tuples(TIMES, st.sampled_from(["one", "two", "x"])), max_size=3),
)


@settings(max_examples=2000 if IS_LONG else 60)
@given(
    segments=st.lists(SEGMENTS, max_size=8),
    silence=st.sampled_from([None, 0.0, 5.0]),
    max_line=st.integers(10, 50),
    max_lines=st.integers(1, 3),
    max_cps=st.floats(5, 40),
    min_seconds=st.floats(0, 3),
)
def test_limits_hold(
    segments: list[Segment], silence: float | None, max_line: int, max_lines: int, **speed: float
) -> None:
    """Whatever was said when, no word is lost, times increase and each limit holds."""
    end = max((each.end for each in segments), default=0.0)
    duration = None if silence is None else end + silence
    transcript = Transcript(text="", segments=tuple(segments), duration=duration)
    cues = transcript.cues(max_line=max_line, max_lines=max_lines, **speed)
    for speaker in {each.speaker for each in segments}:
        said = sorted((e for e in segments if e.speaker == speaker), key=lambda each: each.start)
        shown = "".join(cue.text for cue in cues if cue.speaker == speaker)
        assert letters(shown) == letters("".join(map(clean, said)))
    for cue, following in zip(cues, [*cues[1:], None], strict=False):
        lines = cue.text.split("\n")
        assert len(lines) <= max_lines
        assert max(map(cell_len, lines)) <= max_line
        limit = following.start if following else duration or inf
        assert 0 <= cue.start < cue.end <= limit + 1e-9
        seconds = cue.end - cue.start + 1e-6
        is_readable = sum(map(cell_len, lines)) <= speed["max_cps"] * seconds
        assert cue.is_hurried or (is_readable and seconds >= speed["min_seconds"])


def clean(segment: Segment) -> str:
    """Return the text of a segment without line breaks."""
    return " ".join(segment.text.split())


def test_words_begin_in_time() -> None:
    """A cue begins with its first word, whose time the service gave, whatever its spelling."""
    segment = TRANSCRIPTS["English"].segments[1]
    pauses = {"which": 3.0, "and": 2.5}
    delay, words = 0.0, list[Word]()
    for word in segment.words:
        delay += pauses.get(word.text, 0.0)
        words.append(Word(start=word.start + delay, end=word.end + delay, text=word.text.upper()))
    late = segment.model_copy(update={"words": tuple(words), "end": words[-1].end})
    cues = transcript_of([late]).cues()
    starts = {word.text.lower(): word.start for word in words}
    assert [cue.text.split()[0] for cue in cues] == ["Today", "which", "and"]
    for cue in cues:
        assert cue.start == pytest.approx(starts[cue.text.split()[0].lower()], abs=0.001)


def test_times_without_words() -> None:
    """Without times of words, letters are spread over the segment; digits take longer."""
    text = f"{'Every word here is as long. ' * 2}{'In 2026 we had 1234567 of 9876543. ' * 2}"
    first, *_, last = transcript_of([Segment(start=10, end=22, text=text)]).cues()
    assert first.start == 10
    assert last.text.endswith("9876543.")
    assert last.start < 10 + 12 * text.rindex("In") / len(text)


@pytest.mark.parametrize(
    ("texts", "shown"),
    [
        (["Yes.", "And then we went home."], ["Yes. And then we went home."]),
        (["The page is slow, and", "I need help."], ["The page is slow, and I need help."]),
        (["大家早上好。", "今天我们讨论新版本。"], ["大家早上好。今天我们讨论新版本。"]),
    ],
)
def test_short_segments_are_joined(texts: list[str], shown: list[str]) -> None:
    """Segments of a speaker that are too short to be read are shown together."""
    segments = [Segment(start=at, end=at + 0.6, text=text) for at, text in enumerate(texts)]
    assert [cue.text.replace("\n", " ") for cue in transcript_of(segments).cues()] == shown


def test_speakers() -> None:
    """A speaker's words are never in the cue of another; names are written in both formats."""
    turns = talk(("Ann", 0, 2, "Yes, of course."), ("A & B <i>", 2, 4, "No."), ("Ann", 4, 6, "Oh."))
    transcript = transcript_of(turns)
    assert [cue.speaker for cue in transcript.cues()] == ["Ann", "A & B <i>", "Ann"]
    for limits in ({}, {"max_line": 42}):
        assert re.findall(r"^(?:Ann|A &).*", transcript.to_srt(**limits), re.MULTILINE) == [
            "Ann: Yes, of course.",
            "A & B &lt;i>: No.",
            "Ann: Oh.",
        ]
        assert re.findall("<v.*", transcript.to_vtt(**limits)) == [
            "<v Ann>Yes, of course.",
            "<v A &amp; B &lt;i&gt;>No.",
            "<v Ann>Oh.",
        ]


def test_name_longer_than_half_a_line() -> None:
    """The name before a text is shortened to half a line; that of a voice is not."""
    name = "Maximiliane von Hohenzollern"
    transcript = transcript_of(talk((name, 0, 9, "I agree with all of you.")))
    assert "Maximilia…: I" in transcript.to_srt(max_line=24)
    assert f"<v {name}>I" in transcript.to_vtt(max_line=24)


def test_one_cue_per_segment() -> None:
    """Without limits, long segments stay whole."""
    assert TRANSCRIPTS["English"].to_srt().count("-->") == len(TRANSCRIPTS["English"].segments)
    assert max(map(len, TRANSCRIPTS["English"].to_vtt().splitlines())) > 100


def test_silence_is_not_used_beyond_the_next_words() -> None:
    """A short text stays for the shortest time, but not beyond the next one or the end."""
    segments = [
        Segment(start=1, end=1.2, text="Yes."),
        Segment(start=5, end=5.2, text="No."),
        Segment(start=8, end=8.2, text="Oh."),
    ]
    cues = Transcript(text="", segments=tuple(segments), duration=8.5).cues(min_seconds=3.5)
    assert [cue.start for cue in cues] == [1, 5, 8]
    assert cues[0].end == pytest.approx(5 - 2 / 24, abs=0.001)  # two frames
    assert [cue.end for cue in cues[1:]] == [8, 8.5]
    assert [cue.is_hurried for cue in cues] == [False, True, True]


def test_hurried_cues_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The number of texts that cannot be read in time is logged."""
    caplog.set_level(logging.INFO, "apertis_audio_tools")
    TRANSCRIPTS["English"].to_srt(max_cps=17)
    assert caplog.messages == []
    TRANSCRIPTS["fast English"].to_srt(max_cps=17)
    assert re.fullmatch(r"\d+ of \d+ cues are shown for less time than .*", caplog.messages[0])


@pytest.mark.parametrize(
    "limits",
    [
        {"max_line": 1},
        {"max_lines": 0},
        {"max_cps": 0},
        {"max_cps": nan},
        {"min_seconds": -1},
        {"min_seconds": inf},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["cues", "to_srt", "to_vtt"])
def test_impossible_limits(name: str, limits: dict[str, float]) -> None:
    """Limits without room for text are refused."""
    with pytest.raises(UnsupportedError):
        getattr(TRANSCRIPTS["German"], name)(**limits)


def test_nothing_said() -> None:
    """An empty transcript has no cues."""
    assert Transcript(text="", segments=(Segment(start=0, end=1, text=" "),)).cues() == ()
    assert Transcript(text=" ").to_srt(max_line=42) == ""


@pytest.mark.skipif(not IS_LONG, reason="recognises eight minutes of speech")
@pytest.mark.parametrize("words", [True, False])
@pytest.mark.parametrize("speed", [0.7, 1.0, 1.4, 1.8])
def test_rules_hold_for_recognised_speech(sandbox_url: str, speed: float, *, words: bool) -> None:
    """The rules hold for speech of several speeds, with and without times of words."""
    with httpx.Client(base_url=sandbox_url, headers={"Authorization": "Bearer sk-payg"}) as client:
        spoken = {"model": "tts-1", "input": TEXTS["english"], "voice": "nova", "speed": speed}
        file = client.post("/audio/speech", json=spoken).raise_for_status().content
        asked = {
            "model": "whisper-1",
            "response_format": "verbose_json",
            "timestamp_granularities[]": ["segment", "word"] if words else ["segment"],
        }
        response = client.post(
            "/audio/transcriptions", data=asked, files={"file": ("a.mp3", file)}, timeout=300
        )
    body = response.raise_for_status().json()
    said = tuple(
        Word(start=e["start"], end=e["end"], text=e["word"]) for e in body.get("words", ())
    )
    segments = [
        Segment(
            start=each["start"],
            end=each["end"],
            text=each["text"],
            words=tuple(word for word in said if each["start"] <= word.start < each["end"]),
        )
        for each in body["segments"]
    ]
    transcript = Transcript(text="", segments=tuple(segments), duration=body["duration"])
    shown = read_subtitles(transcript.to_srt(max_line=42))
    broken, fast = broken_rules(shown, body["duration"])
    assert len(shown) > 5
    assert (broken, missing_gaps(shown)) == ([], [])
    assert fast == sum(cue.is_hurried for cue in transcript.cues())
