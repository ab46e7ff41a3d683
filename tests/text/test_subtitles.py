"""Subtitles are read as other programs write them, and written so that they read back."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apertis_audio_tools import Segment, Transcript
from apertis_audio_tools.text import subtitles
from apertis_audio_tools.text.subtitles import SubtitleCue

TWO = [SubtitleCue(0.0, 2.5, "Hello there."), SubtitleCue(2.5, 4.0, "Bye.")]
SRT = "1\n00:00:00,000 --> 00:00:02,500\nHello there.\n\n2\n00:00:02,500 --> 00:00:04,000\nBye.\n"
VTT = (
    "WEBVTT\n\n00:00:00.000 --> 00:00:02.500\nHello there.\n\n00:00:02.500 --> 00:00:04.000\nBye.\n"
)


def test_writing() -> None:
    """Both formats are written as their specifications show them."""
    assert subtitles.write_srt(TWO) == SRT
    assert subtitles.write_vtt(TWO) == VTT


@pytest.mark.parametrize(
    "text",
    [
        SRT,
        VTT,
        SRT.replace("\n", "\r\n"),
        VTT.replace("\n", "\r\n"),
        VTT.replace("\n", "\r"),
        "\ufeff" + SRT,
        "\ufeff" + VTT,
        "\n\n" + SRT + "\n\n\n",
        SRT.replace("\n\n", "\n \t\n\n\n"),
        SRT.replace("1\n", "").replace("2\n", ""),
        SRT.replace("00:00:00,000 --> ", "0:0:0,0-->").replace("Hello there.", "Hello\nthere."),
        VTT.replace("00:00:0", "00:0"),
        VTT.replace("WEBVTT", "WEBVTT - a title\nKind: captions"),
        VTT.replace("WEBVTT\n", "WEBVTT\n\nNOTE not a cue\n\nSTYLE\n::cue { color: red }\n"),
        VTT.replace("02.500\n", "02.500 align:start position:0%\n"),
        VTT.replace("Hello there.", "<v Ann><c.loud>Hello</c> <00:00:01.000>there.</v>"),
        VTT.replace("\n\n00:00:00", "\n\nintro\n00:00:00"),
        SRT.replace("Hello there.", '<font color="red"><i>Hello</i></font> <b>there.</b>'),
    ],
    ids=range(18),
)
def test_reading(text: str) -> None:
    """Line ends, byte order marks, numbers, cue names, settings and markup are ignored."""
    assert subtitles.parse_subtitles(text) == TWO


@pytest.mark.parametrize("text", ["", "\n", "\ufeff", "WEBVTT", "WEBVTT\n\n", "WEBVTT\n\nNOTE x"])
def test_no_cues(text: str) -> None:
    """An empty text and a WebVTT header alone are subtitles without cues."""
    assert subtitles.parse_subtitles(text) == []


@pytest.mark.parametrize(
    "junk",
    [
        "Hello there.",
        "<html><body>WEBVTT</body></html>",
        '{"text": "Hello there."}',
        "1\n00:00:00 --> 00:00:02\nHello there.",
        "1\n--> \nHello",
        "\0\0\0\0",
        f"1\n{'9' * 5000}:00:00,000 --> 00:00:01,000\nHello",
    ],
    ids=lambda junk: junk[:20],
)
def test_junk(junk: str) -> None:
    """A text in neither format returns None, not an empty list."""
    assert subtitles.parse_subtitles(junk) is None


def test_more_than_99_hours() -> None:
    """Times of more than 99 hours are written and read."""
    cues = [SubtitleCue(360_000.0, 3_599_999.999, "Still here.")]
    assert "100:00:00,000 --> 999:59:59,999" in subtitles.write_srt(cues)
    assert subtitles.parse_subtitles(subtitles.write_srt(cues)) == cues
    assert subtitles.parse_subtitles(subtitles.write_vtt(cues)) == cues


@pytest.mark.parametrize(
    ("seconds", "time"),
    [(0.0004, "00:00:00,000"), (59.9996, "00:01:00,000"), (-0.02, "00:00:00,000")],
)
def test_rounding(seconds: float, time: str) -> None:
    """Milliseconds are rounded, into the next minute if necessary, and never below zero."""
    assert f"{time} -->" in subtitles.write_srt([SubtitleCue(seconds, 90.0, "x")])


@pytest.mark.parametrize(
    ("seconds", "timecode"),
    [(0, "00:00:00"), (59.999, "00:00:59"), (3661.5, "01:01:01"), (360_000, "100:00:00")],
)
def test_timecode(seconds: float, timecode: str) -> None:
    """A timecode is rounded down, and its hours may have more than two digits."""
    assert subtitles.format_timecode(seconds) == timecode


def test_escapes() -> None:
    """Markup in a text is escaped in WebVTT and read back unchanged."""
    cues = [SubtitleCue(0.0, 1.0, 'if a<b && b>c: "&amp;" <i>x</i>')]
    vtt = subtitles.write_vtt(cues)
    assert "if a&lt;b &amp;&amp; b&gt;c" in vtt
    assert subtitles.parse_subtitles(vtt) == cues


def test_srt_has_no_escapes() -> None:
    """Text that only looks like a tag is kept in SubRip."""
    text = SRT.replace("Hello there.", "if x<y and z>3: &amp;")
    assert (subtitles.parse_subtitles(text) or TWO)[0].text == "if x<y and z>3: &amp;"


def test_empty_line_in_a_text() -> None:
    """Text after an empty line within a SubRip cue is kept."""
    text = SRT.replace("Hello there.", "Hello\n\nthere.")
    assert subtitles.parse_subtitles(text) == TWO


def test_hostile_text() -> None:
    """A text that looks like subtitles is written as one cue."""
    cues = [SubtitleCue(0.0, 1.0, "a\n\n2\n00:00:05,000 --> 00:00:06,000\nb")]
    for written in (subtitles.write_srt(cues), subtitles.write_vtt(cues)):
        assert subtitles.parse_subtitles(written) == [
            SubtitleCue(0.0, 1.0, "a 2 00:00:05,000 → 00:00:06,000 b")
        ]


CONTROLS = "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0)]))


@pytest.mark.parametrize("write", [subtitles.write_srt, subtitles.write_vtt])
def test_control_characters(write: Callable[[list[SubtitleCue]], str]) -> None:
    """Control characters are not written, nor what would be an arrow without them."""
    written = write([SubtitleCue(0.0, 1.0, f"a{CONTROLS}b 00:00:01.000 -\0->\x1b->\0")])
    assert set(written) & set(CONTROLS) == {"\n"}
    assert (subtitles.parse_subtitles(written) or TWO)[0].text == "a b 00:00:01.000 - -> ->"


@pytest.mark.parametrize(
    "text", ["<b>x</b>", "< b", "<font color=red>x", "<v Boss>x", "{\\an8}x", "<!--x-->", "a<b"]
)
@pytest.mark.parametrize("write", [subtitles.write_srt, subtitles.write_vtt])
def test_markup(write: Callable[[list[SubtitleCue]], str], text: str) -> None:
    """Players show markup in a text as text, and it is read back."""
    written = write([SubtitleCue(0.0, 1.0, text)])
    assert not re.search(r"<[/!?a-zA-Z]", written)
    if write is subtitles.write_srt:
        assert "{\\" not in written
    (cue,) = subtitles.parse_subtitles(written) or TWO
    assert cue.text == text.replace("-->", "→")


WORDS = st.text("aé中<>&;-\n\r\t \u2028.0:,b/\0🎙", max_size=20)
TIMES = st.integers(0, 10**9).map(lambda milliseconds: milliseconds / 1000)
CUES = st.lists(st.tuples(TIMES, TIMES, WORDS).map(lambda fields: SubtitleCue(*fields)), max_size=5)


def _written(text: str) -> str:
    return " ".join(text.replace("\0", " ").split()).replace("-->", "→")


@given(CUES)
def test_vtt_round_trip(cues: list[SubtitleCue]) -> None:
    """Every cue written as WebVTT is read back, with its text on one line."""
    expected = [
        cue._replace(text=" ".join(cue.text.replace("\0", " ").split()).replace("-->", "→"))
        for cue in cues
    ]
    assert subtitles.parse_subtitles(subtitles.write_vtt(cues)) == expected


@given(CUES)
def test_srt_round_trip(cues: list[SubtitleCue]) -> None:
    """Every cue written as SubRip is read back, if its text has no SubRip tags."""
    plain = [cue._replace(text=cue.text.replace("<", "(")) for cue in cues]
    expected = [
        cue._replace(text=" ".join(cue.text.replace("\0", " ").split()).replace("-->", "→"))
        for cue in plain
    ]
    assert subtitles.parse_subtitles(subtitles.write_srt(plain)) == expected


def test_timecoded_lines() -> None:
    """Text of a passage cannot look like further lines."""
    said = "Hello.\n\n[00:00:09] The boss agreed.\u2028# Heading\r![x](http://x)\x0b\x85y"
    segments = (Segment(start=0.0, end=2.5, text=said), Segment(start=60.0, end=61.0, text="Bye."))
    for transcript in (Transcript(text=said, segments=segments), Transcript(text=said)):
        lines = transcript.to_timecoded().splitlines()
        assert len(lines) == len(transcript.passages())
        assert lines[0].startswith("[00:00:00] Hello. [00:00:09] The boss agreed. # Heading")


def test_subtitles_of_a_transcript() -> None:
    """Each segment with text is one cue."""
    segments = (
        Segment(start=0.0, end=2.5, text=" Hello there."),
        Segment(start=2.5, end=2.5, text="  "),
        Segment(start=2.5, end=4.0, text="Bye."),
    )
    transcript = Transcript(text="Hello there. Bye.", segments=segments)
    assert transcript.to_srt() == SRT
    assert transcript.to_vtt() == VTT


def test_subtitles_of_a_transcript_without_segments() -> None:
    """Text without segments is one cue over the recording."""
    transcript = Transcript(text="Hello there.", duration=2.5)
    assert subtitles.parse_subtitles(transcript.to_vtt()) == TWO[:1]
    assert subtitles.parse_subtitles(Transcript(text=" ").to_srt()) == []
