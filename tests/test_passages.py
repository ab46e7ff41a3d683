"""Segments are packed into passages of a size, whole and in order."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apertis_audio_tools import Passage, Segment, Transcript, passages


def segment(start: float, end: float, text: str = "word") -> Segment:
    return Segment(start=start, end=end, text=text)


def texts(segments: list[Segment], seconds: float, characters: int = 10_000) -> list[list[str]]:
    groups = passages.pack(segments, seconds, characters)
    return [[each.text for each in group] for group in groups]


def spoken(words: str, pause: float = 0.0) -> list[Segment]:
    """One segment of a second a word, with a pause before each."""
    return [
        segment(n * (1 + pause) + pause, (n + 1) * (1 + pause), word)
        for n, word in enumerate(words.split())
    ]


def test_within_the_size() -> None:
    """What fits is one passage."""
    assert texts(spoken("a b c"), 3.0) == [["a", "b", "c"]]
    assert texts([], 3.0) == []


def test_sentence_ends() -> None:
    """A passage that has to end, ends with its last sentence, if that is not too early."""
    assert texts(spoken("a b c. d e f"), 4.0) == [["a", "b", "c."], ["d", "e", "f"]]
    assert texts(spoken("a. b c d e f"), 4.0) == [["a.", "b", "c", "d"], ["e", "f"]]


@pytest.mark.parametrize("mark", [".", "!", "?", "…", "。", "！", "？", "؟", "।", ". "])  # noqa: RUF001  # other scripts
def test_sentences_of_other_scripts(mark: str) -> None:
    """Sentences end in other scripts too."""
    assert texts(spoken("a b c. d e f"), 4.0)[0] == ["a", "b", "c."]
    segments = [*spoken("a b"), segment(2.0, 3.0, f"c{mark}"), segment(3.0, 4.0), segment(4.0, 5.0)]
    assert len(texts(segments, 4.0)[0]) == 3


def test_pauses() -> None:
    """Where no sentence ends, a breath will do."""
    segments = [segment(0, 1), segment(1, 2), segment(2, 3), segment(4, 5), segment(5, 6)]
    assert [len(group) for group in texts(segments, 5.0)] == [3, 2]
    assert texts(spoken("a b c d", pause=1.0), 6.0) == [["a", "b", "c"], ["d"]]


def test_characters() -> None:
    """A passage keeps to its number of characters, the spaces between segments included."""
    assert texts(spoken("aaa bbb ccc"), 99.0, 7) == [["aaa", "bbb"], ["ccc"]]
    assert texts(spoken("aaa bbb ccc"), 99.0, 6) == [["aaa"], ["bbb"], ["ccc"]]


def test_too_large_for_any() -> None:
    """A segment beyond the size is a passage of its own."""
    segments = [segment(0, 1, "a"), segment(1, 99, "b" * 50), segment(99, 100, "c")]
    assert texts(segments, 10.0) == [["a"], ["b" * 50], ["c"]]
    assert texts(segments, 200.0, 10) == [["a"], ["b" * 50], ["c"]]
    assert texts(segments, 0.0) == [["a"], ["b" * 50], ["c"]]


LENGTHS = st.integers(0, 60).map(lambda tenths: tenths / 10)
STEPS = st.lists(st.tuples(LENGTHS, LENGTHS, st.text("ab. ?", max_size=8)), max_size=30)


@settings(derandomize=True, deadline=None)
@given(STEPS, st.integers(0, 20), st.integers(0, 40))
def test_rules(
    steps: list[tuple[float, float, str]], max_seconds: int, max_characters: int
) -> None:
    """Whatever the segments: all are kept, in order, and each passage is one segment or fits."""
    segments, now = [], 0.0
    for pause, length, text in steps:
        segments.append(segment(now + pause, now + pause + length, text))
        now += pause + length
    groups = list(passages.pack(segments, max_seconds, max_characters))
    assert [each for group in groups for each in group] == segments
    for group in groups:
        assert len(group) == 1 or (
            group[-1].end - group[0].start <= max_seconds
            and len(" ".join(each.text.strip() for each in group)) <= max_characters
        )


def test_many_segments() -> None:
    """A very long recording in one passage looks at each segment once, not once for each other."""
    looked_at = 0

    class Counted(Segment):
        def __getattribute__(self, name: str) -> object:
            nonlocal looked_at
            looked_at += name == "text"
            return super().__getattribute__(name)

    segments = [Counted(start=n, end=n + 1, text="word") for n in range(2000)]
    assert [len(group) for group in passages.pack(segments, math.inf, 10**9)] == [2000]
    assert looked_at < 10 * len(segments)


def test_passages_of_a_transcript() -> None:
    """A passage has the words of its segments, from the first start to the last end."""
    segments = (segment(61.5, 63, " One "), segment(63, 64, "  "), segment(64, 65, "two. "))
    (passage,) = Transcript(text="One two.", segments=segments).passages()
    assert passage == Passage(start=61.5, end=65.0, text="One two.")
    assert passage.timecode == "00:01:01"


def test_limits_of_a_transcript() -> None:
    """The size of passages can be chosen."""
    transcript = Transcript(text="a b c d", segments=tuple(spoken("a b c d")))
    assert len(transcript.passages()) == 1
    assert [each.text for each in transcript.passages(max_seconds=2)] == ["a b", "c d"]
    assert len(transcript.passages(max_characters=1)) == 4


def test_transcript_without_segments() -> None:
    """Without segments there is one passage over the recording; without words there is none."""
    assert Transcript(text=" Hi. ", duration=9.5).passages() == (
        Passage(start=0.0, end=9.5, text="Hi."),
    )
    assert Transcript(text="Hi.").passages()[0].end == 0.0
    assert Transcript(text=" \n", duration=9.5).passages() == ()
    assert Transcript(text="", segments=(segment(0, 1, " "),)).passages() == ()
