"""Whole segments are packed into passages of a size, in order."""

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
    """Return a segment of one second per word, with a pause before each."""
    return [
        segment(n * (1 + pause) + pause, (n + 1) * (1 + pause), word)
        for n, word in enumerate(words.split())
    ]


def test_segments_that_fit_are_one_passage() -> None:
    """Segments within the limits are one passage; no segments are none."""
    assert texts(spoken("a b c"), 3.0) == [["a", "b", "c"]]
    assert texts([], 3.0) == []


def test_passages_end_with_a_sentence() -> None:
    """A passage ends with its last sentence, if that is in its second half."""
    assert texts(spoken("a b c. d e f"), 4.0) == [["a", "b", "c."], ["d", "e", "f"]]
    assert texts(spoken("a b. c d e f"), 4.0) == [["a", "b.", "c", "d"], ["e", "f"]]


@pytest.mark.parametrize("mark", [".", "!", "?", "…", "。", "！", "？", "؟", "।", ". "])  # noqa: RUF001  # other scripts
def test_sentences_of_other_scripts(mark: str) -> None:
    """A passage ends at the sentence marks of any script."""
    assert texts(spoken("a b c. d e f"), 4.0)[0] == ["a", "b", "c."]
    segments = [*spoken("a b"), segment(2.0, 3.0, f"c{mark}"), segment(3.0, 4.0), segment(4.0, 5.0)]
    assert len(texts(segments, 4.0)[0]) == 3


def test_passages_end_with_a_pause() -> None:
    """A passage without a sentence end ends with its last pause."""
    segments = [segment(0, 1), segment(1, 2), segment(2, 3), segment(4, 5), segment(5, 6)]
    assert [len(group) for group in texts(segments, 5.0)] == [3, 2]
    assert texts(spoken("a b c d", pause=1.0), 6.0) == [["a", "b", "c"], ["d"]]


@pytest.mark.parametrize(("end", "sizes"), [(0.2, [3, 2]), (0.21, [4, 1])])
def test_length_of_a_pause(end: float, sizes: list[int]) -> None:
    """Silence of 0.8 s before the next segment is a pause; shorter silence is not."""
    segments = [segment(0, 0.1), segment(0.1, 0.15), segment(0.15, end), segment(1, 2)]
    assert [len(group) for group in texts([*segments, segment(2, 3)], 2.0)] == sizes


@pytest.mark.parametrize(
    ("one", "two", "joined"),
    [
        ("好的。", "我们开始。", "好的。我们开始。"),
        ("สวัสดี", "ครับ", "สวัสดีครับ"),
        ("用", "Python", "用 Python"),
        ("Python", "写", "Python 写"),
        ("a我b", "写", "a我b 写"),
        (" All ", "right.", "All right."),
        ("  ", "right.", "right."),
    ],
)
def test_space_between_texts(one: str, two: str, joined: str) -> None:
    """Texts are joined without a space only if both are in a script without spaces."""
    assert passages.join_texts([one, two]) == joined


def test_character_limit() -> None:
    """The character limit includes the spaces between segments."""
    assert texts(spoken("aaa bbb ccc"), 99.0, 7) == [["aaa", "bbb"], ["ccc"]]
    assert texts(spoken("aaa bbb ccc"), 99.0, 6) == [["aaa"], ["bbb"], ["ccc"]]


def test_oversized_segment() -> None:
    """A segment beyond a limit is a passage of its own."""
    segments = [segment(0, 1, "a"), segment(1, 99, "b" * 50), segment(99, 100, "c")]
    assert texts(segments, 10.0) == [["a"], ["b" * 50], ["c"]]
    assert texts(segments, 200.0, 10) == [["a"], ["b" * 50], ["c"]]
    assert texts(segments, 0.0) == [["a"], ["b" * 50], ["c"]]


LENGTHS = st.integers(0, 60).map(lambda tenths: tenths / 10)
WORDS = st.text("ab. ?", max_size=8)
STEPS = st.lists(st.tuples(LENGTHS, LENGTHS, WORDS), max_size=30)


@given(STEPS, st.integers(0, 20), st.integers(0, 40))
def test_packing_invariants(
    steps: list[tuple[float, float, str]], max_seconds: int, max_characters: int
) -> None:
    """All segments are kept in order, and each passage is one segment or within the limits."""
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
    """A passage begins with the last segments of the previous one, as far back as `overlap`."""
    assert overlapping(spoken("a b c d e f g h"), 4.0, 1.0) == ["abcd", "defg", "gh"]
    assert overlapping(spoken("a b c d e f"), 4.0, 2.5) == ["abcd", "cdef"]
    assert overlapping(spoken("a b c d e"), 4.0, 0.9) == ["abcd", "e"]


def test_overlap_after_a_sentence() -> None:
    """The overlap counts back from the first new segment, wherever the previous passage ended."""
    assert overlapping(spoken("a b c. d e f g"), 4.0, 1.0) == ["abc.", "c.def", "fg"]


def test_overlap_over_a_pause() -> None:
    """Nothing is repeated across a pause longer than the overlap."""
    segments = [*spoken("a b c d"), segment(10, 11, "e"), segment(11, 12, "f")]
    assert overlapping(segments, 4.0, 3.0) == ["abcd", "ef"]


def test_overlap_without_room() -> None:
    """A new segment has priority over a repeated one when the limits have room for only one."""
    segments = [*spoken("a b c"), segment(3, 6.5, "long")]
    assert overlapping(segments, 4.0, 3.0) == ["abc", "long"]
    assert overlapping([segment(0, 9, "a"), segment(9, 18, "b")], 8.0, 7.0) == ["a", "b"]


def test_large_overlap_still_advances() -> None:
    """Each passage begins and ends later than the previous one, however large the overlap."""
    assert overlapping(spoken("a b c d. e f g"), 4.0, 3.0) == ["abcd.", "bcd.e", "cd.ef", "d.efg"]
    assert overlapping(spoken("a b c. d e"), 4.0, 3.9) == ["abc.", "bc.de"]


SHORT_STEPS = st.lists(
    st.tuples(st.sampled_from([0.0, 0.0, 0.3, 1.0]), LENGTHS.map(lambda s: s / 4), WORDS),
    max_size=30,
)


@settings(max_examples=400)
@given(SHORT_STEPS, st.integers(1, 9), st.integers(4, 40), st.floats(0, 0.99))
def test_overlap_invariants(
    steps: list[tuple[float, float, str]], max_seconds: int, max_characters: int, share: float
) -> None:
    """Passages are contiguous, within the limits, and repeat as many segments as allowed."""
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


def test_zero_overlap_repeats_nothing() -> None:
    """Without an overlap no segment is in two passages, not even one of zero length."""
    segments = [segment(0, 1), segment(1, 1), segment(1, 3)]
    assert [len(group) for group in passages.pack_segments(segments, 2.0, 10_000)] == [2, 1]


def test_packing_is_linear() -> None:
    """Packing reads each segment a constant number of times, however long the passage."""
    reads = 0

    class Counted(Segment):
        def __getattribute__(self, name: str) -> object:
            nonlocal reads
            reads += name == "text"
            return super().__getattribute__(name)

    segments = [Counted(start=n, end=n + 1, text="word") for n in range(2000)]
    assert [len(group) for group in passages.pack_segments(segments, math.inf, 10**9)] == [2000]
    assert reads < 10 * len(segments)


def test_passages_of_a_transcript() -> None:
    """A passage has the text of its segments, from the first start to the last end."""
    segments = (segment(61.5, 63, " One "), segment(63, 64, "  "), segment(64, 65, "two. "))
    (passage,) = Transcript(text="One two.", segments=segments).passages()
    assert passage == Passage(start=61.5, end=65.0, text="One two.")
    assert passage.timecode == "00:01:01"


def test_passage_limits_of_a_transcript() -> None:
    """The limits of passages are arguments of `Transcript.passages`."""
    transcript = Transcript(text="a b c d", segments=tuple(spoken("a b c d")))
    assert len(transcript.passages()) == 1
    assert [each.text for each in transcript.passages(max_seconds=2)] == ["a b", "c d"]
    assert len(transcript.passages(max_characters=1)) == 4


def test_overlap_of_a_transcript() -> None:
    """Repeated segments keep their times."""
    transcript = Transcript(text="a b c d e f", segments=tuple(spoken("a b c d e f")))
    assert transcript.passages(max_seconds=4, overlap=2) == (
        Passage(start=0.0, end=4.0, text="a b c d"),
        Passage(start=2.0, end=6.0, text="c d e f"),
    )


@pytest.mark.parametrize("overlap", [-1.0, 4.0, 5.0, math.nan, math.inf])
@pytest.mark.parametrize("segments", [(), tuple(spoken("a b c"))])
def test_impossible_overlap(overlap: float, segments: tuple[Segment, ...]) -> None:
    """A negative or too large overlap is refused, with or without segments."""
    transcript = Transcript(text="a b c", segments=segments)
    with pytest.raises(UnsupportedError, match=r"less than max_seconds, 4\.0"):
        transcript.passages(max_seconds=4.0, overlap=overlap)


def test_transcript_without_segments() -> None:
    """Text without segments is one passage over the recording; no text is no passage."""
    assert Transcript(text=" Hi. ", duration=9.5).passages() == (
        Passage(start=0.0, end=9.5, text="Hi."),
    )
    assert Transcript(text="Hi.").passages()[0].end == 0.0
    assert Transcript(text=" \n", duration=9.5).passages() == ()
    assert Transcript(text="", segments=(segment(0, 1, " "),)).passages() == ()
