"""Pieces become one transcript: nothing lost, nothing doubled, times of the recording."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apertis_audio_tools import Segment, Transcript, Usage
from apertis_audio_tools.pipeline.stitching import TranscribedPiece, stitch
from apertis_audio_tools.text import subtitles

ABOUT = Transcript(text="", task="transcribe", model="whisper-1", source="standup.ogg")
OVERLAP = 2.0


def segment(start: float, end: float, text: str) -> Segment:
    return Segment(start=start, end=end, text=text)


def part(
    start: float, end: float, *said: Segment | str, overlap: float = 0.0, **known: object
) -> TranscribedPiece:
    """A piece: with segments on its own time line, or with text alone."""
    segments = [each for each in said if isinstance(each, Segment)]
    text = " ".join(each.text if isinstance(each, Segment) else each for each in said)
    heard = Transcript.model_validate({"text": text, "segments": segments, **known})
    return TranscribedPiece(start, end, overlap, heard)


def texts(*parts: TranscribedPiece) -> list[str]:
    return [each.text for each in stitch(parts, ABOUT).segments]


def text(*parts: TranscribedPiece) -> str:
    return stitch(parts, ABOUT).text


def spans(*parts: TranscribedPiece) -> list[tuple[float, float]]:
    return [(each.start, each.end) for each in stitch(parts, ABOUT).segments]


def test_places() -> None:
    """Segments get the recording's times and running ids, and keep what else is known of them."""
    known = Segment(id=7, start=0.25, end=1.5, text=" Two.", avg_logprob=-0.5, tokens=(5, 6))
    whole = stitch([part(0, 600.1234, segment(1, 2, "One.")), part(600.1234, 900, known)], ABOUT)
    first, second = whole.segments
    assert (first.id, first.start, first.end) == (0, 1, 2)
    assert second == known.model_copy(update={"id": 1, "start": 600.373, "end": 601.623})
    assert whole.text == "One. Two."
    assert (whole.source, whole.model) == ("standup.ogg", "whisper-1")


def test_before_the_beginning() -> None:
    """The few milliseconds that some codecs have before the beginning make no time negative."""
    assert spans(part(-0.0065, 9, "One."), part(9, 10, "Two.")) == [(0, 9), (9, 10)]
    assert spans(part(-0.0065, 9, segment(0, 0.004, "One."))) == [(0, 0)]


def test_without_segments() -> None:
    """A piece without segments becomes one over its span."""
    parts = part(0, 600, "One."), part(600, 900.0004, segment(1, 2, "Two.")), part(900, 950, "3")
    assert spans(*parts) == [(0, 600), (601, 602), (900, 950)]


def test_nothing_said() -> None:
    """Pieces of silence or music add nothing; a recording of them is an empty transcript."""
    silent = part(0, 9, ""), part(9, 18, " \n")
    assert stitch(silent, ABOUT) == ABOUT
    assert stitch([], ABOUT) == ABOUT
    noted = part(18, 27, segment(0, 9, " ♪ "))
    assert (texts(*silent, noted), text(*silent, noted)) == ([" ♪ "], "♪")
    assert text(silent[0], part(9, 18, "One.", overlap=OVERLAP), silent[1]) == "One."


def test_usage() -> None:
    """What was counted is summed, where it was counted at all."""
    one, two = Usage(input_tokens=3, seconds=1.5), Usage(input_tokens=4, output_tokens=5)
    parts = part(0, 9, usage=one), part(9, 18), part(18, 27, usage=two)
    assert stitch(parts, ABOUT).usage == Usage(input_tokens=7, output_tokens=5, seconds=1.5)
    assert stitch(parts[1:2], ABOUT).usage is None


def test_language() -> None:
    """The language is the one spoken longest, not the one most pieces were in."""
    parts = [
        part(0, 9, segment(0, 1, "a"), language="english"),
        part(9, 18, segment(0, 1, "b"), language="english"),
        part(18, 27, segment(0, 8, "c"), language="german"),
        part(27, 90, "", language="welsh"),
    ]
    assert stitch(parts, ABOUT).language == "german"
    assert stitch(parts[:2], ABOUT).language == "english"
    asked = ABOUT.model_copy(update={"language": "fr"})
    assert stitch([part(0, 9, "a")], asked).language == "fr"


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
    """Between pieces there is a space only where the script has them."""
    assert text(part(0, 9, one), part(9, 18, two)) == joined


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
    """Words both pieces heard are kept once, also when either misheard those next to the cut."""
    if is_timed:
        one, two = part(0, 9, segment(5, 9, before)), part(7, 16, segment(0, 4, after), overlap=2)
    else:
        one, two = part(0, 9, before), part(7, 16, after, overlap=2)
    assert text(one, two) == whole


def test_later_version_after_the_middle() -> None:
    """Of what both heard, each tells the half that is farther from its cut."""
    one = part(0, 9, "Then we SHIP The release on")
    two = part(7, 16, "ship the RELEASE On Friday", overlap=2)
    assert text(one, two) == "Then we SHIP The RELEASE On Friday"


def test_times_of_an_overlap() -> None:
    """Where a segment is shortened, its times are too, and no segment begins before another."""
    one = part(0, 10, segment(0, 6, "First of all."), segment(6, 10, "ship the release on"))
    two = part(8, 18, segment(0, 4, "the release on Friday"), segment(4, 6, "Bye."), overlap=2)
    whole = stitch([one, two], ABOUT).segments
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
def test_said_again_later(again: float) -> None:
    """A phrase that somebody repeats after the overlap was not heard twice."""
    one = part(0, 10, segment(8.2, 9.8, "thank you all"))
    once = segment(0.2, 1.8, "thank you all")
    twice = segment(again - 8, again - 6, "thank you all")
    assert texts(one, part(8, 100, twice, overlap=2)) == ["thank you all"] * 2
    assert texts(one, part(8, 100, once, twice, overlap=2)) == ["thank you all"] * 2


def test_no_overlap() -> None:
    """Between pieces that share nothing, what is said twice is kept twice."""
    assert text(part(0, 9, "no no"), part(9, 18, "no no no")) == "no no no no no"


def test_pieces_within_overlaps() -> None:
    """A word that three pieces heard, because one was very short, is kept once."""
    parts = [
        part(0, 4, segment(3, 3.5, "one")),
        part(2, 4.5, segment(1, 1.5, "one"), segment(1.8, 2.2, "two"), overlap=2),
        part(2.5, 9, segment(0.5, 1, "one"), segment(1.3, 1.7, "two"), overlap=2),
    ]
    assert spans(*parts) == [(3, 3.5), (3.8, 4.2)]


def test_beyond_99_hours() -> None:
    """Subtitles of a recording of more than 99 hours are valid, and hold every cue."""
    hours = [part(3600 * n, 3600 * (n + 1), segment(1, 2.5, f"Hour {n}.")) for n in range(101)]
    whole = stitch(hours, ABOUT)
    assert "101\n100:00:01,000 --> 100:00:02,500\nHour 100.\n" in whole.to_srt()
    assert "\n100:00:01.000 --> 100:00:02.500\nHour 100.\n" in whole.to_vtt()
    expected = [subtitles.Cue(each.start, each.end, each.text) for each in whole.segments]
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
    """Words with pauses before them, all in milliseconds."""
    words, now = [], 0
    for pause, length, word in steps:
        words.append(segment((now + pause) / 1000, (now + pause + length) / 1000, word))
        now += pause + length
    return words


def heard(words: list[Segment], start: float, end: float, overlap: float) -> TranscribedPiece:
    """A piece by a perfect recogniser, which leaves out what is cut."""
    whole = [
        segment(round(word.start - start, 3), round(word.end - start, 3), word.text)
        for word in words
        if start <= word.start and word.end <= end
    ]
    return part(start, end, *whole, overlap=overlap)


@settings(max_examples=150)
@given(WORDS, LENGTHS)
def test_exact(steps: list[tuple[int, int, str]], lengths: list[int]) -> None:
    """However words are cut into overlapping pieces: all come back once, in order, on time."""
    words = timed(steps)
    starts = [0.0]
    for length in lengths:
        starts.append(round(starts[-1] + length / 1000 - OVERLAP, 3))
    ends = [round(start + OVERLAP, 3) for start in starts[1:]]
    ends.append(max([starts[-1] + OVERLAP, *(word.end for word in words)]))
    parts = [
        heard(words, start, end, OVERLAP if number else 0.0)
        for number, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]
    whole = stitch(parts, ABOUT)
    assert [each.text for each in whole.segments] == [word.text for word in words]
    assert [each.id for each in whole.segments] == [*range(len(words))]
    for each, word in zip(whole.segments, words, strict=True):
        assert each.start == pytest.approx(word.start, abs=0.001)
        assert each.end == pytest.approx(word.end, abs=0.001)
