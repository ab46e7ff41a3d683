"""Words that arrived are kept, whatever is around them, and their times are made possible."""

import io
import json
import logging
import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apertis_audio_tools import Segment, Transcript, Word
from apertis_audio_tools.api.options import TranscriptionOptions
from apertis_audio_tools.api.request import Upload
from apertis_audio_tools.api.response import Response
from apertis_audio_tools.api.transcription import transcription_call
from apertis_audio_tools.models import Capabilities
from apertis_audio_tools.text.subtitles import parse_subtitles

SECONDS = 10.0
WORDS = "Hello there."
SRT = "1\n00:00:00,000 --> 00:00:02,500\nHello there.\n"
FORMATS = ["json", "text", "srt", "vtt", "verbose_json"]


def read(body: Any, response_format: str = "verbose_json", media: str = "") -> Transcript:
    """Return the transcript of ten seconds that is read from a body."""
    upload = Upload("clip.mp3", "audio/mpeg", 9, io.BytesIO)
    options = TranscriptionOptions(response_format=response_format)  # type: ignore[arg-type]
    call = transcription_call(
        upload, options, capabilities=Capabilities(), source="clip.mp3", duration=SECONDS
    )
    text = body if isinstance(body, str) else json.dumps(body)
    return call.read(Response(200, {"content-type": media}, text.encode()))


def verbose(*segments: Any, **fields: Any) -> dict[str, Any]:
    return {"text": WORDS, "duration": SECONDS, "segments": list(segments), **fields}


def segment(**fields: Any) -> dict[str, Any]:
    return {"id": 0, "start": 0.0, "end": 2.5, "text": " Hello there.", **fields}


def spans(transcript: Transcript) -> list[tuple[float, float]]:
    return [(each.start, each.end) for each in transcript.segments]


@pytest.mark.parametrize(
    "details",
    [
        {"id": "seg_1"},
        {"id": None},
        {"tokens": ["Hello", "there"]},
        {"tokens": 7},
        {"temperature": "warm"},
        {"avg_logprob": math.nan},
        {"avg_logprob": -math.inf},
        {"no_speech_prob": "n/a"},
        {"compression_ratio": {}},
        {"words": "none"},
        {"words": [None, 7, {"start": 1}]},
        {"speaker": {}},
    ],
    ids=repr,
)
def test_unreadable_details(details: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """A detail that cannot be read is dropped; one line at DEBUG names it, and shows no words."""
    with caplog.at_level(logging.DEBUG, "apertis_audio_tools"):
        found = read(verbose(segment(**details), segment(**details, start=3, end=4)))
    assert (found.text, spans(found)) == (WORDS, [(0.0, 2.5), (3.0, 4.0)])
    assert found.segments[0] == Segment(id=0, start=0.0, end=2.5, text=" Hello there.")
    (name,) = details
    expected = [] if details[name] is None else [f"Dropped from a response, as unreadable: {name}."]
    assert [record.getMessage() for record in caplog.records] == expected


@pytest.mark.parametrize("response_format", FORMATS)
@pytest.mark.parametrize(
    "body",
    [
        {"text": WORDS},
        [{"text": WORDS}],
        json.dumps(WORDS),
        WORDS,
        SRT,
        SRT.replace("1\n", "WEBVTT\n\n").replace(",", "."),
        {"text": SRT},
        "[00:00.000 --> 00:02.500]  Hello there.",
        verbose(segment()),
        verbose(segment(), text=None),
        verbose(segment(), text=""),
        [segment()],
        {"text": WORDS, "segments": None},
        {"text": WORDS, "segments": {}},
        {"text": WORDS, "segments": [None]},
        {"text": WORDS, "segments": [{"start": 0, "end": 1}]},
        {"text": WORDS, "segments": [{"text": WORDS}]},
        {"text": WORDS, "error": {"message": "Cut off."}},
    ],
    ids=lambda body: repr(body)[:40],
)
@pytest.mark.parametrize("media", ["application/json", "text/plain", "application/x-srt", "a/b"])
def test_other_forms(body: Any, response_format: str, media: str) -> None:
    """Words are found in any form, whatever was requested and whatever its media type."""
    found = read(body, response_format, media)
    assert found.text == WORDS
    assert spans(found) in ([], [(0.0, 2.5)], [(0.0, 1.0)])


def test_lone_surrogate() -> None:
    """Half a character, which a model may end with, does not lose the other words."""
    assert read('{"text": "half \\ud83d", "more": "\\ud83d\\ude00"}').text == "half \ufffd"


def test_subtitles_without_empty_lines() -> None:
    """Cues follow one another without empty lines; a number that is spoken is kept."""
    text = "".join(
        f"{number}\n00:00:0{number},000 --> 00:00:0{number},900\n{word}\n"
        for number, word in enumerate(["one", "42", "three"], 1)
    )
    assert [each.text for each in read(text, "srt").segments] == ["one", "42", "three"]


def test_words_that_segments_lack() -> None:
    """Words of the whole text go to the segment without text in their place, or to a new one."""
    middle = verbose(
        segment(text="Hello"), {"start": 3, "end": 4}, segment(start=5, end=6, text="you."),
        text="Hello there you. Bye.",
    )  # fmt: skip
    found = read(middle)
    assert [each.text for each in found.segments] == ["Hello", "there", "you.", "Bye."]
    assert spans(found) == [(0.0, 2.5), (3.0, 4.0), (5.0, 6.0), (6.0, 10.0)]
    assert [each.clamped for each in found.segments] == [False, False, False, True]


def test_further_fields() -> None:
    """Speakers, words, cost and unknown fields are kept; large and invalid ones are not."""
    words = [{"word": "Hello", "start": 0, "end": 1}, {"word": "there.", "start": 1, "end": 99}]
    body = verbose(
        segment(speaker="Ann", words=words, channel=1, big="x" * 5000, odd=math.nan),
        usage={"seconds": 10, "cost": 0.00123},
        x_groq={"id": "req_1"},
        languages=[{"code": "en"}],
    )
    found = read(body)
    (one,) = found.segments
    assert (one.speaker, one.extra) == ("Ann", {"channel": 1})
    assert one.words == (
        Word(start=0.0, end=1.0, text="Hello"),
        Word(start=1.0, end=10.0, text="there."),
    )
    assert (found.extra, found.language) == ({"x_groq": {"id": "req_1"}}, "en")
    assert found.usage
    assert found.usage.cost == 0.00123
    assert Transcript.model_validate_json(found.to_json()) == found.model_copy(update={"raw": ""})


def test_words_of_the_whole() -> None:
    """Words beside the segments belong to the segment that they are in."""
    words = [{"word": name, "start": at, "end": at + 1} for at, name in enumerate("abcd")]
    halves = segment(text="ab", end=2), segment(text="cd", start=2, end=4)
    body = verbose(*halves, words=words, text="ab cd")
    texts = [[word.text for word in each.words] for each in read(body).segments]
    assert texts == [["a", "b"], ["c", "d"]]


@pytest.mark.parametrize("duration", [0, -1, "PT10S", math.nan, 1e308, 30])
def test_impossible_durations(duration: Any) -> None:
    """The recording is not longer than it is, and not empty, whatever the response says."""
    found = read(verbose(segment(), duration=duration))
    assert found.duration == SECONDS
    assert read({"text": WORDS, "duration": duration}).passages()[-1].end == SECONDS


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([(5, 4)], [(5.0, 10.0)]),
        ([(0, 2), (5, 4), (7, 8)], [(0.0, 2.0), (5.0, 7.0), (7.0, 8.0)]),
        ([(0, 2), (2, None)], [(0.0, 2.0), (2.0, 10.0)]),
        ([(0, 2), (None, 4)], [(0.0, 2.0), (2.0, 4.0)]),
        ([(8, 30)], [(8.0, 10.0)]),
        ([(0, 2), (28, 30)], [(0.0, 2.0), (10.0, 10.0)]),
        ([(-3, 2)], [(0.0, 2.0)]),
        ([("0.0", "2.50")], [(0.0, 2.5)]),
        ([(0, 10.02)], [(0.0, 10.0)]),
    ],
)
def test_impossible_times(
    given: list[tuple[Any, Any]], expected: list[tuple[float, float]]
) -> None:
    """Times are replaced by the nearest possible ones, which is marked beyond rounding."""
    found = read(verbose(*(segment(start=start, end=end) for start, end in given)))
    assert spans(found) == expected
    is_changed = [
        None in one or abs(float(one[0]) - two[0]) > 0.05 or abs(float(one[1]) - two[1]) > 0.05
        for one, two in zip(given, expected, strict=True)
    ]
    assert [each.clamped for each in found.segments] == is_changed


def test_order() -> None:
    """Segments are in the order of their times; the text stays as the service wrote it."""
    found = read(verbose(segment(start=5, end=7, text="there."), segment(text="Hello", end=2)))
    assert [each.text for each in found.segments] == ["Hello", "there."]
    assert [each.id for each in found.segments] == [0, 1]
    assert found.text == WORDS


SECOND = st.one_of(
    st.none(), st.floats(), st.integers(-5, 20), st.text(max_size=3), st.floats(0, 12)
)
SEGMENTS = st.lists(
    st.fixed_dictionaries(
        {"start": SECOND, "end": SECOND, "text": st.sampled_from(["a", "b", "", None, 7])},
        optional={"speaker": st.sampled_from(["A", "B", None])},
    ),
    max_size=8,
)


@settings(max_examples=200)
@given(SEGMENTS)
def test_any_times(segments: list[dict[str, Any]]) -> None:
    """Whatever a response says, segments, passages and cues are possible and in order."""
    found = read({"text": "said", "segments": segments})
    assert all(0 <= start <= end <= SECONDS for start, end in spans(found))
    assert spans(found) == sorted(spans(found))
    assert all(0 <= each.start <= each.end <= SECONDS for each in found.passages())
    cues = parse_subtitles(found.to_vtt()) or []
    assert [cue.start for cue in cues] == sorted(cue.start for cue in cues)
    speakers = [each.speaker for each in found.segments if each.text.strip()]
    for speaker in set(speakers):
        own = [cue for cue, each in zip(cues, speakers, strict=True) if each == speaker]
        assert all(one.end <= two.start for one, two in pairwise(own))
