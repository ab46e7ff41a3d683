"""The times of words on request: whole and cut, once each, and refused where there are none."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from apertis_audio_tools import (
    ApertisAudio,
    ConfigurationError,
    Segment,
    Transcript,
    UnsupportedError,
    Word,
)
from apertis_audio_tools.pipeline.stitching import TranscribedPiece, stitch
from support.beacon_recordings import FORMATS, beacon_start, write_beacons
from support.loopback_server import LoopbackServer
from support.scripted_responses import respond_json
from support.sync_async import Run
from support.wav_files import silent_wav

COUNT = 20
BYTES_PER_SECOND = 32_000
SECONDS = 90.0


@pytest.mark.parametrize("has_pauses", [True, False], ids=["pauses", "no pauses"])
def test_words_whole_and_cut(run: Run, beacon_url: str, tmp_path: Path, has_pauses: bool) -> None:  # noqa: FBT001
    """Each word comes once, in order and at its time, whether the recording is whole or cut."""
    path = write_beacons(FORMATS["flac"], tmp_path / "b.flac", COUNT, has_pauses=has_pauses)
    with ApertisAudio("sk-payg-1234", base_url=beacon_url) as client:
        for options in ({}, {"piece_seconds": 7}):
            found = run(client, "transcribe", path, timestamp_granularities=["word"], **options)
            assert [word.text for word in found.words] == [f"{n:05d}" for n in range(COUNT)]
            for number, word in enumerate(found.words):
                assert word.start == pytest.approx(beacon_start(number), abs=0.02)


def test_what_is_sent(run: Run) -> None:
    """Words are requested together with segments, which services leave out otherwise."""
    with LoopbackServer([respond_json({"text": ""})]) as server, server.client() as client:
        run(
            client, "transcribe", silent_wav(1 * BYTES_PER_SECOND), timestamp_granularities=["word"]
        )
        run(
            client,
            "transcribe",
            silent_wav(1 * BYTES_PER_SECOND),
            timestamp_granularities=["segment"],
        )
        run(
            client,
            "transcribe",
            silent_wav(1 * BYTES_PER_SECOND),
            model="mine",
            timestamp_granularities=["word"],
        )
    first, second, unknown = (request.body for request in server.requests)
    field = b'name="timestamp_granularities[]"\r\n\r\n'
    assert field + b"segment\r\n" in first
    assert field + b"word\r\n" in first
    assert field not in second
    assert field + b"word\r\n" in unknown
    assert b"verbose_json" in unknown


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "gpt-4o-transcribe"}, "no times of words; these models do: whisper-1"),
        ({"response_format": "srt"}, "verbose_json, not srt"),
    ],
)
def test_words_that_cannot_be_had(run: Run, options: dict[str, Any], message: str) -> None:
    """Words are refused before anything is sent if the model or the format has no times of them."""
    with LoopbackServer([respond_json({"text": ""})]) as server, server.client() as client:
        with pytest.raises(UnsupportedError, match=message):
            run(
                client,
                "transcribe",
                silent_wav(1 * BYTES_PER_SECOND),
                timestamp_granularities=["word"],
                **options,
            )
        for wrong in ("word", [], ["letter"], [None], 7):
            with pytest.raises(ConfigurationError, match="timestamp_granularities is"):
                run(
                    client,
                    "transcribe",
                    silent_wav(1 * BYTES_PER_SECOND),
                    timestamp_granularities=wrong,
                )
    assert server.requests == []


def timed(text: str, key: str = "word", step: float = 1.0) -> list[dict[str, Any]]:
    return [
        {key: word, "start": at * step, "end": at * step + 0.4}
        for at, word in enumerate(text.split())
    ]


SENTENCES = "One two three four five. " * 8 + "Six seven"
SHAPES: dict[str, dict[str, Any]] = {
    "top level": {
        "segments": [{"start": 0, "end": 80, "text": SENTENCES}],
        "words": timed(SENTENCES),
    },
    "in segments": {
        "segments": [{"start": 0, "end": 80, "text": SENTENCES, "words": timed(SENTENCES, "text")}],
    },
    "no segments": {"words": timed(SENTENCES.replace(".", ""))},
    "odd": {
        "segments": "none",
        "words": [None, {"word": 7}, {"word": ""}, *timed(SENTENCES), {"text": None}],
    },
}


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(run: Run, shape: str) -> None:
    """Words are found wherever a service puts them, and divide a text that has no segments."""
    body = {"text": SENTENCES, "duration": SECONDS, **SHAPES[shape]}
    with LoopbackServer([respond_json(body)]) as server, server.client() as client:
        found = run(
            client,
            "transcribe",
            silent_wav(90 * BYTES_PER_SECOND),
            timestamp_granularities=["word"],
        )
    assert [word.start for word in found.words] == [float(n) for n in range(42)]
    assert found.text == SENTENCES
    assert [each.text for each in found.segments[:2]] == ["One two three four five."] * 2
    assert found.segments[1].start == 5.0
    assert [len(each.words) for each in found.segments] == [5] * 8 + [2]
    assert [each.id for each in found.segments] == list(range(9))


def test_impossible_words(run: Run) -> None:
    """Words outside of the recording are moved into it, and words out of order are put in order."""
    words = [
        {"word": "two", "start": 2, "end": 1},
        {"word": "one", "start": -3, "end": 0.5},
        {"word": "three", "start": "NaN", "end": None},
        {"word": "four", "start": 99, "end": 100},
    ]
    body = {
        "text": "One two three four",
        "segments": [{"start": 0, "end": 9, "text": "One two three four"}],
        "words": words,
    }
    with LoopbackServer([respond_json(body)]) as server, server.client() as client:
        found = run(
            client, "transcribe", silent_wav(9 * BYTES_PER_SECOND), timestamp_granularities=["word"]
        )
    assert sorted(word.text for word in found.words) == ["four", "one", "three", "two"]
    assert all(0 <= word.start <= word.end <= 9 for word in found.words)
    assert all(one.start <= other.start for one, other in pairwise(found.words))


def spoken(text: str, start: float, *, word_seconds: float = 0.5) -> Segment:
    """Return a segment whose words follow one another; they have no punctuation."""
    words = tuple(
        Word(start=start + at * word_seconds, end=start + (at + 1) * word_seconds, text=bare)
        for at, bare in enumerate(text.replace(",", "").replace(".", "").split())
    )
    return Segment(start=start, end=words[-1].end, text=text, words=words)


def test_words_in_an_overlap() -> None:
    """A segment that is cut in an overlap keeps its words on one side, each exactly once."""
    before = Transcript(text="", segments=(spoken("It was late, but the old man came ho", 4.0),))
    after = Transcript(text="", segments=(spoken("t the old man came home, at last.", 0.0),))
    pieces = [TranscribedPiece(0, 8, 0, before), TranscribedPiece(5.5, 12, 2.5, after)]
    found = stitch(pieces, Transcript(text=""))
    assert found.text == "It was late, but the old man came home, at last."
    assert [word.text for word in found.words] == found.text.translate(
        str.maketrans("", "", ",.")
    ).split()
    assert [word.start for word in found.words] == [4.0 + 0.5 * at for at in range(11)]


def test_words_in_json(run: Run) -> None:
    """JSON has the words of each segment, and reads back as the same transcript."""
    body = {
        "text": "Yes",
        "segments": [{"start": 0, "end": 1, "text": "Yes"}],
        "words": timed("Yes"),
    }
    with LoopbackServer([respond_json(body)]) as server, server.client() as client:
        found = run(
            client,
            "transcribe",
            silent_wav(1 * BYTES_PER_SECOND),
            timestamp_granularities=("word",),
        )
    assert json.loads(found.to_json())["segments"][0]["words"][0]["text"] == "Yes"
    assert Transcript.model_validate_json(found.to_json()).words == found.words
