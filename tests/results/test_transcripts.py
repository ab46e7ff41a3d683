"""The forms that a transcript can be returned in."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apertis_audio_tools import Segment, Transcript, Usage, Word

FIRST = Segment(start=0.0, end=9.5, text=" Good morning.")
LATER = Segment(id=1, start=3723.9, end=3730.0, text=" Goodbye.", avg_logprob=-0.25)
TWO = Transcript(text="Good morning. Goodbye.", segments=(FIRST, LATER), raw="{}")


def test_timecoded_text() -> None:
    """Each passage follows its timecode, on a line of its own."""
    assert TWO.to_timecoded() == "[00:00:00] Good morning.\n[01:02:03] Goodbye."


@pytest.mark.parametrize("separator", ["\n\n", " ", ""])
def test_separator_of_timecoded_text(separator: str) -> None:
    """The separator stands between passages only."""
    assert TWO.to_timecoded(separator) == (
        f"[00:00:00] Good morning.{separator}[01:02:03] Goodbye."
    )


def test_timecoded_text_has_passages() -> None:
    """Segments are packed into passages, which do not overlap."""
    segments = tuple(Segment(start=n, end=n + 1, text=f"Word {n}.") for n in range(40))
    lines = Transcript(text="...", segments=segments).to_timecoded().split("\n")
    assert [line[:10] for line in lines] == ["[00:00:00]", "[00:00:30]"]
    assert lines[1].endswith("Word 38. Word 39.")


def test_timecoded_text_without_segments() -> None:
    """Text without segments is one passage at the start; no text is an empty string."""
    assert Transcript(text=" Hello. ", duration=90.0).to_timecoded() == "[00:00:00] Hello."
    assert Transcript(text="  ", duration=90.0).to_timecoded() == ""
    assert Transcript(text="", segments=(Segment(start=0, end=1, text=" "),)).to_timecoded() == ""


def test_text() -> None:
    """The text is unchanged."""
    assert TWO.to_text() == TWO.text


def test_json() -> None:
    """JSON is indented, readable, and has neither nulls nor the raw body."""
    written = TWO.model_copy(update={"text": "Grüße 你好", "usage": Usage(seconds=9.5)}).to_json()
    assert written.startswith('{\n  "text": "Grüße 你好",\n  "segments": [\n    {\n      "id": 0,')
    assert "null" not in written
    fields = json.loads(written)
    assert list(fields) == ["text", "segments", "task", "model", "source", "digest", "usage"]
    assert list(fields["segments"][0]) == ["id", "start", "end", "text", "tokens"]
    assert fields["segments"][1]["avg_logprob"] == -0.25


@given(st.text(), st.floats(0, 1e9))
def test_json_round_trip(text: str, seconds: float) -> None:
    """A transcript is read back from its JSON unchanged, whatever it contains."""
    segment = Segment(start=0, end=seconds, text=text)
    transcript = Transcript(text=text, segments=(segment,), duration=seconds)
    assert Transcript.model_validate_json(transcript.to_json()) == transcript


def test_cues_of_one_speaker() -> None:
    """Cues start in order, and one of a speaker ends where the speaker's next one starts."""
    times = [("A", 0, 5), ("B", 1, 4), ("A", 3, 6), ("A", 2, 2.5)]
    segments = [Segment(start=a, end=b, text=f"{a}", speaker=name) for name, a, b in times]
    written = Transcript(text="...", segments=tuple(segments)).to_vtt()
    assert [line for line in written.split("\n") if "-->" in line] == [
        "00:00:00.000 --> 00:00:02.000",
        "00:00:01.000 --> 00:00:04.000",
        "00:00:02.000 --> 00:00:02.500",
        "00:00:03.000 --> 00:00:06.000",
    ]


def test_json_without_unused_fields() -> None:
    """Fields that no segment has are left out of the JSON, and others are in every segment."""
    words = (Word(start=0.0, end=1.0, text="Good"),)
    some = TWO.model_copy(
        update={"segments": (FIRST.model_copy(update={"words": words}), LATER), "notes": ("Note.",)}
    )
    fields = json.loads(some.to_json())
    assert [each.keys() & {"words", "clamped", "extra"} for each in fields["segments"]] == [
        {"words"},
        {"words"},
    ]
    assert (fields["notes"], "extra" in fields) == (["Note."], False)
    assert Transcript.model_validate_json(some.to_json()).segments == some.segments


def test_hashing() -> None:
    """Transcripts can be keys, also with further fields."""
    other = TWO.model_copy(update={"extra": {"a": [1]}})
    assert len({TWO, other, TWO.model_copy()}) == 2
    assert len({FIRST, FIRST.model_copy(update={"extra": {"a": 1}})}) == 2
