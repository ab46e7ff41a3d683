"""Segments are packed into passages of a size, whole and in order."""

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apertis_audio_tools import Passage, Segment, Transcript, UnsupportedError
from apertis_audio_tools.text import passages


def segment(start: float, end: float, text: str = "word") -> Segment:
    return Segment(start=start, end=end, text=text)


def texts(segments: list[Segment], seconds: float, characters: int = 10_000) -> list[list[str]]:
    groups = passages.pack_segments(segments, seconds, characters)
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
WORDS = st.text("ab. ?", max_size=8)
STEPS = st.lists(st.tuples(LENGTHS, LENGTHS, WORDS), max_size=30)


@given(STEPS, st.integers(0, 20), st.integers(0, 40))
def test_rules(
    steps: list[tuple[float, float, str]], max_seconds: int, max_characters: int
) -> None:
    """Whatever the segments: all are kept, in order, and each passage is one segment or fits."""
    segments, now = [], 0.0
    for pause, length, text in steps:
        segments.append(segment(now + pause, now + pause + length, text))
        now += pause + length
    groups = list(passages.pack_segments(segments, max_seconds, max_characters))
    assert [each for group in groups for each in group] == segments
    for group in groups:
        assert len(group) == 1 or (
            group[-1].end - group[0].start <= max_seconds
            and len(" ".join(each.text.strip() for each in group)) <= max_characters
        )


def overlapping(segments: list[Segment], seconds: float, overlap: float) -> list[str]:
    groups = passages.pack_segments(segments, seconds, 10_000, overlap)
    return ["".join(each.text for each in group) for group in groups]


def test_overlap() -> None:
    """A passage begins with the segments that the one before had in its last seconds."""
    assert overlapping(spoken("a b c d e f g h"), 4.0, 1.0) == ["abcd", "defg", "gh"]
    assert overlapping(spoken("a b c d e f"), 4.0, 2.5) == ["abcd", "cdef"]
    assert overlapping(spoken("a b c d e"), 4.0, 0.9) == ["abcd", "e"]


def test_overlap_after_a_sentence() -> None:
    """The seconds of an overlap count back from what is new, wherever the passage before ended."""
    assert overlapping(spoken("a b c. d e f g"), 4.0, 1.0) == ["abc.", "c.def", "fg"]


def test_overlap_over_a_pause() -> None:
    """After a pause longer than the overlap nothing is repeated."""
    segments = [*spoken("a b c d"), segment(10, 11, "e"), segment(11, 12, "f")]
    assert overlapping(segments, 4.0, 3.0) == ["abcd", "ef"]


def test_overlap_without_room() -> None:
    """Where the size leaves no room for a repetition and something new, the new has the room."""
    segments = [*spoken("a b c"), segment(3, 6.5, "long")]
    assert overlapping(segments, 4.0, 3.0) == ["abc", "long"]
    assert overlapping([segment(0, 9, "a"), segment(9, 18, "b")], 8.0, 7.0) == ["a", "b"]


def test_overlap_has_always_something_new() -> None:
    """However large the overlap, each passage ends later and begins later than the one before."""
    assert overlapping(spoken("a b c d. e f g"), 4.0, 3.0) == ["abcd.", "bcd.e", "cd.ef", "d.efg"]
    assert overlapping(spoken("a b c. d e"), 4.0, 3.9) == ["abc.", "bc.de"]


SHORT_STEPS = st.lists(
    st.tuples(st.sampled_from([0.0, 0.0, 0.3, 1.0]), LENGTHS.map(lambda s: s / 4), WORDS),
    max_size=30,
)


@settings(max_examples=400)
@given(SHORT_STEPS, st.integers(1, 9), st.integers(4, 40), st.floats(0, 0.99))
def test_rules_of_overlap(
    steps: list[tuple[float, float, str]], max_seconds: int, max_characters: int, share: float
) -> None:
    """Whatever the segments: passages are neighbours of a size, and repeat as much as they may."""
    segments, now = [], 0.0
    for number, (pause, length, text) in enumerate(steps):
        start, now = now + pause, now + pause + length
        segments.append(Segment(id=number, start=start, end=now, text=text))

    def fits(first: int, last: int) -> bool:
        words = " ".join(each.text.strip() for each in segments[first : last + 1])
        lasts = segments[last].end - segments[first].start
        return lasts <= max_seconds and len(words) <= max_characters

    overlap = share * max_seconds
    groups = list(passages.pack_segments(segments, max_seconds, max_characters, overlap))
    spans = [(group[0].id, group[-1].id) for group in groups]
    assert [[each.id for each in g] for g in groups] == [list(range(a, b + 1)) for a, b in spans]
    assert [a for a, _ in spans[:1]] + [b for _, b in spans[-1:]] == (
        [0, len(segments) - 1] if segments else []
    )
    assert all(first == last or fits(first, last) for first, last in spans)
    for (first, last), (begin, end) in pairwise(spans):
        new, earliest = last + 1, segments[last + 1].start - overlap
        assert first < begin <= new <= end
        assert begin == new or segments[begin].start >= earliest
        assert (
            not overlap
            or begin - 1 == first
            or begin == first + 1
            or segments[begin - 1].start < earliest
            or not fits(begin - 1, new)
        )


def test_no_overlap_of_nothing() -> None:
    """Without an overlap no segment is in two passages, even one that takes no time."""
    segments = [segment(0, 1), segment(1, 1), segment(1, 3)]
    assert [len(group) for group in passages.pack_segments(segments, 2.0, 10_000)] == [2, 1]


def test_many_segments() -> None:
    """A very long recording in one passage looks at each segment once, not once for each other."""
    looked_at = 0

    class Counted(Segment):
        def __getattribute__(self, name: str) -> object:
            nonlocal looked_at
            looked_at += name == "text"
            return super().__getattribute__(name)

    segments = [Counted(start=n, end=n + 1, text="word") for n in range(2000)]
    assert [len(group) for group in passages.pack_segments(segments, math.inf, 10**9)] == [2000]
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


def test_overlap_of_a_transcript() -> None:
    """Repeated words come with the time at which they were said."""
    transcript = Transcript(text="a b c d e f", segments=tuple(spoken("a b c d e f")))
    assert transcript.passages(max_seconds=4, overlap=2) == (
        Passage(start=0.0, end=4.0, text="a b c d"),
        Passage(start=2.0, end=6.0, text="c d e f"),
    )


@pytest.mark.parametrize("overlap", [-1.0, 4.0, 5.0, math.nan, math.inf])
@pytest.mark.parametrize("segments", [(), tuple(spoken("a b c"))])
def test_impossible_overlap(overlap: float, segments: tuple[Segment, ...]) -> None:
    """An overlap that would leave no room for anything new is refused, with or without words."""
    transcript = Transcript(text="a b c", segments=segments)
    with pytest.raises(UnsupportedError, match=r"less than max_seconds, 4\.0"):
        transcript.passages(max_seconds=4.0, overlap=overlap)


def test_transcript_without_segments() -> None:
    """Without segments there is one passage over the recording; without words there is none."""
    assert Transcript(text=" Hi. ", duration=9.5).passages() == (
        Passage(start=0.0, end=9.5, text="Hi."),
    )
    assert Transcript(text="Hi.").passages()[0].end == 0.0
    assert Transcript(text=" \n", duration=9.5).passages() == ()
    assert Transcript(text="", segments=(segment(0, 1, " "),)).passages() == ()
