"""Pieces are stitched into one transcript: no word lost or doubled, on the recording's times."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apertis_audio_tools import Segment, Transcript, Usage, Word
from apertis_audio_tools.pipeline.stitching import TranscribedPiece, stitch
from apertis_audio_tools.text import subtitles

EMPTY = Transcript(text="", task="transcribe", model="whisper-1", source="standup.ogg")
OVERLAP = 2.0


def segment(start: float, end: float, text: str) -> Segment:
    return Segment(start=start, end=end, text=text)


def piece(
    start: float, end: float, *content: Segment | str, overlap: float = 0.0, **fields: object
) -> TranscribedPiece:
    """Return a piece with segments on its own time line, or with text alone."""
    segments = [each for each in content if isinstance(each, Segment)]
    text = " ".join(each.text if isinstance(each, Segment) else each for each in content)
    transcript = Transcript.model_validate({"text": text, "segments": segments, **fields})
    return TranscribedPiece(start, end, overlap, transcript)


def texts(*pieces: TranscribedPiece) -> list[str]:
    return [each.text for each in stitch(pieces, EMPTY).segments]


def text(*pieces: TranscribedPiece) -> str:
    return stitch(pieces, EMPTY).text


def spans(*pieces: TranscribedPiece) -> list[tuple[float, float]]:
    return [(each.start, each.end) for each in stitch(pieces, EMPTY).segments]


def test_segments_are_moved_and_numbered() -> None:
    """Segments get the recording's times and consecutive ids, and keep their other fields."""
    detailed = Segment(id=7, start=0.25, end=1.5, text=" Two.", avg_logprob=-0.5, tokens=(5, 6))
    whole = stitch(
        [piece(0, 600.1234, segment(1, 2, "One.")), piece(600.1234, 900, detailed)], EMPTY
    )
    first, second = whole.segments
    assert (first.id, first.start, first.end) == (0, 1, 2)
    assert second == detailed.model_copy(update={"id": 1, "start": 600.373, "end": 601.623})
    assert whole.text == "One. Two."
    assert (whole.source, whole.model) == ("standup.ogg", "whisper-1")


def test_priming_samples() -> None:
    """The few milliseconds that some codecs have before the start make no time negative."""
    assert spans(piece(-0.0065, 9, "One."), piece(9, 10, "Two.")) == [(0, 9), (9, 10)]
    assert spans(piece(-0.0065, 9, segment(0, 0.004, "One."))) == [(0, 0)]


def test_piece_without_segments() -> None:
    """The text of a piece without segments is one segment over its span."""
    pieces = (
        piece(0, 600, "One."),
        piece(600, 900.0004, segment(1, 2, "Two.")),
        piece(900, 950, "3"),
    )
    assert spans(*pieces) == [(0, 600), (601, 602), (900, 950)]


def test_silent_pieces() -> None:
    """Pieces without words add nothing, and alone they are an empty transcript."""
    silent = piece(0, 9, ""), piece(9, 18, " \n")
    assert stitch(silent, EMPTY) == EMPTY
    assert stitch([], EMPTY) == EMPTY
    music = piece(18, 27, segment(0, 9, " ♪ "))
    assert (texts(*silent, music), text(*silent, music)) == ([" ♪ "], "♪")
    assert text(silent[0], piece(9, 18, "One.", overlap=OVERLAP), silent[1]) == "One."


def test_usage() -> None:
    """Usage is summed over the pieces that report it; without any, it is None."""
    one, two = Usage(input_tokens=3, seconds=1.5), Usage(input_tokens=4, output_tokens=5)
    pieces = piece(0, 9, usage=one), piece(9, 18), piece(18, 27, usage=two)
    assert stitch(pieces, EMPTY).usage == Usage(input_tokens=7, output_tokens=5, seconds=1.5)
    assert stitch(pieces[1:2], EMPTY).usage is None
    priced = piece(27, 36, usage=Usage(seconds=2.0, cost=0.25))
    assert stitch([*pieces, priced, priced], EMPTY).usage == Usage(
        input_tokens=7, output_tokens=5, seconds=5.5, cost=0.5
    )


def test_language() -> None:
    """The language is the one with the longest segments, not that of most pieces."""
    pieces = [
        piece(0, 9, segment(0, 1, "a"), language="english"),
        piece(9, 18, segment(0, 1, "b"), language="english"),
        piece(18, 27, segment(0, 8, "c"), language="german"),
        piece(27, 90, "", language="welsh"),
        piece(90, 99, segment(0, 7, "d"), language="french"),
    ]
    assert stitch(pieces, EMPTY).language == "german"
    assert stitch(pieces[:2], EMPTY).language == "english"
    more = piece(99, 110, segment(0, 7, "e"), language="english")
    assert stitch([*pieces, more], EMPTY).language == "english"
    french = EMPTY.model_copy(update={"language": "fr"})
    assert stitch([piece(0, 9, "a")], french).language == "fr"


def test_last_request() -> None:
    """The request id and the server are those of the last piece; without pieces, the given ones."""
    first = piece(0, 9, "a", request_id="req-1", server="one")
    last = piece(9, 18, "b", request_id="req-2", server="two")
    whole = stitch([first, last], EMPTY)
    assert (whole.request_id, whole.server) == ("req-2", "two")
    cached = EMPTY.model_copy(update={"request_id": "req-0", "server": "none"})
    assert stitch([], cached) == cached
    unknown = stitch([first, piece(9, 18, "b")], cached)
    assert (unknown.request_id, unknown.server) == (None, None)


@pytest.mark.parametrize(
    ("one", "two", "joined"),
    [
        ("好的。", "我们开始。", "好的。我们开始。"),
        ("はい、", "始めます", "はい、始めます"),
        ("สวัสดี", "ครับ", "สวัสดีครับ"),
        ("All", "right.", "All right."),
        ("다음", "회의", "다음 회의"),
        ("用", "Python", "用 Python"),
    ],
)
def test_joins(one: str, two: str, joined: str) -> None:
    """Texts of pieces are joined with a space only if their script has spaces."""
    assert text(piece(0, 9, one), piece(9, 18, two)) == joined


BEFORE, AFTER = "we should ship the release on", "ship the release on Friday morning"
WHOLE = "we should ship the release on Friday morning"


@pytest.mark.parametrize(
    ("before", "after", "whole"),
    [
        (BEFORE, AFTER, WHOLE),
        (f"{BEFORE}.", f"Ship {AFTER[5:]}", WHOLE),
        (f"{BEFORE} fry", AFTER, WHOLE),
        (f"{BEFORE} fry day", f"sheep tip {AFTER}", WHOLE),
        (BEFORE, AFTER.replace("ship the", "hip a"), WHOLE),
        (f"{BEFORE} Fri-", f"p {AFTER}", WHOLE),
        ("we met", "we met again", "we met again"),
        ("we met on Fri", "et on Friday", "we met on Fri et on Friday"),
        ("no no no", "no no no yes", "no no no yes"),
        ("all of it", "and nothing else", "all of it and nothing else"),
        ("我们下周五发布新版", "五发布新版本然后", "我们下周五发布新版本然后"),
        ("我们下周五发布新版奔", "舞发布新版本然后", "我们下周五发布新版本然后"),
        ("来週の金曜日に出", "曜日に出します", "来週の金曜日に出します"),
        ("हम शुक्रवार को नया", "को नया संस्करण देंगे", "हम शुक्रवार को नया संस्करण देंगे"),
        ("das weiß ich doch", "WEISS ich doch nicht", "das weiß ich doch nicht"),
        ("and that’s what I", "That’s what I said", "and that’s what I said"),  # noqa: RUF001
    ],
)
@pytest.mark.parametrize("is_timed", [False, True])
def test_overlaps(before: str, after: str, whole: str, is_timed: bool) -> None:  # noqa: FBT001  # parametrized
    """Words in an overlap are kept once, even if a piece has wrong words next to its cut."""
    if is_timed:
        one, two = piece(0, 9, segment(5, 9, before)), piece(7, 16, segment(0, 4, after), overlap=2)
    else:
        one, two = piece(0, 9, before), piece(7, 16, after, overlap=2)
    assert text(one, two) == whole


def test_each_piece_keeps_half_of_an_overlap() -> None:
    """Of the words that agree, each piece keeps the half that is farther from its cut."""
    one = piece(0, 9, "Then we SHIP The release on")
    two = piece(7, 16, "ship the RELEASE On Friday", overlap=2)
    assert text(one, two) == "Then we SHIP The RELEASE On Friday"


def test_times_of_an_overlap() -> None:
    """The times of a segment that is cut are adjusted, and segments stay in order."""
    one = piece(0, 10, segment(0, 6, "First of all."), segment(6, 10, "ship the release on"))
    two = piece(8, 18, segment(0, 4, "the release on Friday"), segment(4, 6, "Bye."), overlap=2)
    whole = stitch([one, two], EMPTY).segments
    assert [each.text for each in whole] == [
        "First of all.",
        "ship the",
        "release on Friday",
        "Bye.",
    ]
    assert all(a.start <= b.start and a.end <= b.end for a, b in pairwise(whole))
    assert (whole[0].end, whole[-1].start, whole[-1].end) == (6, 12, 14)
    assert 6 < whole[1].end < 10
    assert 8 < whole[2].start < whole[2].end == 12


@pytest.mark.parametrize("again", [10.0, 14.0, 60.0])
def test_repetition_after_the_overlap(again: float) -> None:
    """A phrase that is repeated after the overlap is kept both times."""
    one = piece(0, 10, segment(8.2, 9.8, "thank you all"))
    once = segment(0.2, 1.8, "thank you all")
    twice = segment(again - 8, again - 6, "thank you all")
    assert texts(one, piece(8, 100, twice, overlap=2)) == ["thank you all"] * 2
    assert texts(one, piece(8, 100, once, twice, overlap=2)) == ["thank you all"] * 2


def test_starts_never_decrease() -> None:
    """Words that only one of two pieces has in their overlap do not turn time back."""
    one = piece(0, 10, segment(0, 8, "one"), segment(9.5, 10, "two"))
    two = piece(8, 18, segment(0, 1, "three"), segment(1.5, 2.5, "four"), overlap=2)
    whole = stitch([one, two], EMPTY)
    assert whole.text == "one two three four"
    assert spans(one, two) == [(0, 8), (9.5, 10), (9.5, 10), (9.5, 10.5)]
    assert [each.clamped for each in whole.segments] == [False, False, True, False]


def test_words_with_times() -> None:
    """Words of segments are moved with them, and cut with them in an overlap."""
    words = [Word(start=at, end=at + 1, text=text) for at, text in enumerate(["the", "red", "fox"])]
    said = segment(0, 3, "the red fox").model_copy(update={"words": tuple(words)})
    one = piece(0, 3, said.model_copy(update={"speaker": "Ann"}))
    two = piece(1, 4, segment(0, 2, "red fox"), overlap=2)
    (first, *_) = stitch([one, two], EMPTY).segments
    assert (first.speaker, [each.text for each in first.words]) == ("Ann", first.text.split())
    moved = stitch([piece(0, 9), piece(9, 12, said)], EMPTY).segments[-1]
    assert [(each.start, each.end) for each in moved.words] == [(9, 10), (10, 11), (11, 12)]


def test_no_overlap() -> None:
    """Equal words at the border of pieces that do not overlap are kept."""
    assert text(piece(0, 9, "no no"), piece(9, 18, "no no no")) == "no no no no no"


def test_short_piece_within_overlaps() -> None:
    """A word that three pieces have, because one is very short, is kept once."""
    pieces = [
        piece(0, 4, segment(3, 3.5, "one")),
        piece(2, 4.5, segment(1, 1.5, "one"), segment(1.8, 2.2, "two"), overlap=2),
        piece(2.5, 9, segment(0.5, 1, "one"), segment(1.3, 1.7, "two"), overlap=2),
    ]
    assert spans(*pieces) == [(3, 3.5), (3.8, 4.2)]


def test_beyond_99_hours() -> None:
    """Subtitles of a recording of more than 99 hours are valid and complete."""
    hours = [piece(3600 * n, 3600 * (n + 1), segment(1, 2.5, f"Hour {n}.")) for n in range(101)]
    whole = stitch(hours, EMPTY)
    assert "101\n100:00:01,000 --> 100:00:02,500\nHour 100.\n" in whole.to_srt()
    assert "\n100:00:01.000 --> 100:00:02.500\nHour 100.\n" in whole.to_vtt()
    expected = [subtitles.SubtitleCue(each.start, each.end, each.text) for each in whole.segments]
    assert (
        subtitles.parse_subtitles(whole.to_srt())
        == subtitles.parse_subtitles(whole.to_vtt())
        == expected
    )


WORDS = st.lists(
    st.tuples(st.integers(1, 900), st.integers(50, 900), st.sampled_from(["a", "b", "c c'c"])),
    max_size=60,
)
LENGTHS = st.lists(st.integers(4_100, 20_000), max_size=6)


def timed(steps: list[tuple[int, int, str]]) -> list[Segment]:
    """Return words at the times given by pauses and lengths in milliseconds."""
    words, now = [], 0
    for pause, length, word in steps:
        words.append(segment((now + pause) / 1000, (now + pause + length) / 1000, word))
        now += pause + length
    return words


def recognise(words: list[Segment], start: float, end: float, overlap: float) -> TranscribedPiece:
    """Return a piece as a perfect recogniser would, without the words that are cut."""
    whole = [
        segment(round(word.start - start, 3), round(word.end - start, 3), word.text)
        for word in words
        if start <= word.start and word.end <= end
    ]
    return piece(start, end, *whole, overlap=overlap)


@settings(max_examples=150)
@given(WORDS, LENGTHS)
def test_all_words_come_back(steps: list[tuple[int, int, str]], lengths: list[int]) -> None:
    """Words cut into overlapping pieces anywhere come back once, in order and on time."""
    words = timed(steps)
    starts = [0.0]
    for length in lengths:
        starts.append(round(starts[-1] + length / 1000 - OVERLAP, 3))
    ends = [round(start + OVERLAP, 3) for start in starts[1:]]
    ends.append(max([starts[-1] + OVERLAP, *(word.end for word in words)]))
    pieces = [
        recognise(words, start, end, OVERLAP if number else 0.0)
        for number, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]
    whole = stitch(pieces, EMPTY)
    assert [each.text for each in whole.segments] == [word.text for word in words]
    assert [each.id for each in whole.segments] == [*range(len(words))]
    for each, word in zip(whole.segments, words, strict=True):
        assert each.start == pytest.approx(word.start, abs=0.001)
        assert each.end == pytest.approx(word.end, abs=0.001)
