"""Batches: the outcome of each recording and the order of outcomes."""

import asyncio
import itertools
import threading
import traceback
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from apertis_audio_tools import (
    ApertisError,
    ConfigurationError,
    InvalidRequestError,
    Outcome,
    RecordingError,
    UnsupportedError,
)
from apertis_audio_tools.audio import Source
from support.loopback_server import Exchange, LoopbackServer
from support.sync_async import Run
from support.timeouts import TIMEOUT
from support.tiny_recordings import NameRecogniser, tiny_recording, tiny_recordings


def texts(outcomes: list[Outcome]) -> list[str]:
    return [outcome.transcript.text for outcome in outcomes]


@pytest.mark.parametrize(
    ("verb", "path"), [("transcribe", "transcriptions"), ("translate", "translations")]
)
def test_outcomes(run: Run, verb: str, path: str) -> None:
    """Each recording has an outcome, in the order of the sources."""
    sources, names = tiny_recordings(20), NameRecogniser()
    with LoopbackServer([names]) as server, server.client(max_concurrency=3) as audio:
        outcomes = run(audio, f"{verb}_many", iter(sources), temperature=0.5)
    assert texts(outcomes) == [str(number) for number in range(20)]
    assert [outcome.index for outcome in outcomes] == [*range(20)]
    assert [outcome.source for outcome in outcomes] == sources
    assert {outcome.error for outcome in outcomes} == {None}
    assert {request.target for request in server.requests} == {f"/v1/audio/{path}"}
    assert all(b'name="temperature"\r\n\r\n0.5\r\n' in form for form in names.forms)


def test_empty_batch(run: Run) -> None:
    """A batch without recordings has no outcomes."""
    with LoopbackServer([NameRecogniser()]) as server, server.client() as audio:
        assert run(audio, "transcribe_many", []) == []
    assert server.requests == []


def test_hundreds(run: Run) -> None:
    """Hundreds of tiny recordings are sent once each."""
    names = NameRecogniser()
    with LoopbackServer([names]) as server, server.client(max_concurrency=8) as audio:
        outcomes = run(audio, "transcribe_many", (tiny_recording(number) for number in range(300)))
    assert texts(outcomes) == [str(number) for number in range(300)]
    assert sorted(map(int, names.received)) == [*range(300)]
    assert names.max_concurrent <= 8


def test_failures_are_collected(run: Run, tmp_path: Path) -> None:
    """Recordings that fail, locally or at the service, have errors; the others continue."""
    sources = [
        tiny_recording("a"),
        tmp_path / "none.mp3",
        tiny_recording("bad"),
        tiny_recording("b"),
    ]
    with LoopbackServer([NameRecogniser()]) as server, server.client() as audio:
        a, missing, refused, b = run(audio, "transcribe_many", sources, on_error="skip")
    assert texts([a, b]) == ["a", "b"]
    assert isinstance(missing.error, RecordingError)
    assert (missing.label, refused.label) == ("none.mp3", "bad.wav")
    with pytest.raises(InvalidRequestError, match="Message of the server"):
        _ = refused.transcript


def test_a_failure_has_a_fresh_traceback(run: Run) -> None:
    """Each access to the transcript raises the error with the traceback of that access."""
    with LoopbackServer([NameRecogniser()]) as server, server.client() as audio:
        (outcome,) = run(audio, "transcribe_many", [tiny_recording("bad")], on_error="skip")
    for _ in range(3):
        with pytest.raises(InvalidRequestError) as caught:
            _ = outcome.transcript
        access, raised = traceback.extract_tb(caught.value.__traceback__)
        assert access.name == "test_a_failure_has_a_fresh_traceback"
        assert access.line == "_ = outcome.transcript"
        assert raised.name == "transcript"


def test_all_fail(run: Run) -> None:
    """All recordings of a batch may fail."""
    sources = [tiny_recording(f"bad{number}") for number in range(12)]
    with LoopbackServer([NameRecogniser()]) as server, server.client(max_concurrency=2) as audio:
        outcomes = run(audio, "transcribe_many", sources, on_error="skip")
    assert [type(outcome.error) for outcome in outcomes] == [InvalidRequestError] * 12


def test_as_they_come(run: Run) -> None:
    """With `in_order=False`, outcomes do not wait for the slowest recording."""
    others = threading.Semaphore(0)

    def slow_first(name: str, _: Exchange) -> None:
        if name != "0":
            others.release()
        else:
            assert all(others.acquire(timeout=TIMEOUT) for _ in range(30))

    with (
        LoopbackServer([NameRecogniser(slow_first)]) as server,
        server.client(max_concurrency=2) as audio,
    ):
        outcomes = run(audio, "transcribe_many", tiny_recordings(31), in_order=False)
    assert "0" not in texts(outcomes)[:20]
    assert sorted(map(int, texts(outcomes))) == [*range(31)]


async def test_asynchronous_sources() -> None:
    """Sources may be an async iterable; outcomes are yielded while it waits."""
    yielded = asyncio.Queue[int]()

    async def sources() -> AsyncIterator[Source]:
        for number in range(5):
            yield tiny_recording(number)
            assert await yielded.get() == number

    with LoopbackServer([NameRecogniser()]) as server:
        async with server.client() as audio:
            async for outcome in audio.atranscribe_many(sources()):
                yielded.put_nowait(outcome.index)
    assert len(server.requests) == 5


def test_asynchronous_sources_refused() -> None:
    """The sync verb refuses an async iterable and names the async verb."""

    async def sources() -> AsyncIterator[Source]:
        yield tiny_recording("never")

    with (
        LoopbackServer([NameRecogniser()]) as server,
        server.client() as audio,
        pytest.raises(ConfigurationError, match="atranscribe_many"),
    ):
        audio.transcribe_many(sources())


@pytest.mark.parametrize("sources", ["meeting.mp3", b"RIFF", Path("meeting.mp3"), 7])
def test_one_recording_is_not_many(run: Run, sources: Any) -> None:
    """A single path or file in place of several is refused."""
    with (
        LoopbackServer([NameRecogniser()]) as server,
        server.client() as audio,
        pytest.raises(ConfigurationError, match="sources"),
    ):
        run(audio, "transcribe_many", sources)


def test_wrong_choice(run: Run) -> None:
    """An unknown value of `on_error` is refused."""
    with (
        LoopbackServer([NameRecogniser()]) as server,
        server.client() as audio,
        pytest.raises(ConfigurationError, match='"skip"'),
    ):
        run(audio, "transcribe_many", [], on_error="ignore")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "tts-1"}, "tts-1 cannot transcribe"),
        ({"upload_format": "ogg"}, "^upload_format is 'ogg'; it can be auto, mp3, opus, original"),
        ({"piece_seconds": -1}, "^piece_seconds has to be above 0, not -1"),
        ({"piece_seconds": float("nan")}, "^piece_seconds has to be above 0, not nan"),
    ],
)
def test_impossible(run: Run, options: dict[str, Any], message: str) -> None:
    """Impossible options are refused before the first source is read."""
    sources = iter(tiny_recordings(3))
    with (
        LoopbackServer([NameRecogniser()]) as server,
        server.client() as audio,
        pytest.raises((ConfigurationError, UnsupportedError), match=message),
    ):
        run(audio, "transcribe_many", sources, **options, on_error="skip")
    assert next(sources) == tiny_recording(0)


def test_endless_sources(run: Run) -> None:
    """Sources of an endless iterable are read only as capacity permits."""
    names, ahead = NameRecogniser(), []

    def endless() -> Iterator[Source]:
        for number in itertools.count():
            ahead.append(number - len(names.received))
            if number == 50:
                raise KeyError
            yield tiny_recording(number)

    with (
        LoopbackServer([names]) as server,
        server.client(max_concurrency=2) as audio,
        pytest.raises(KeyError),
    ):
        run(audio, "transcribe_many", endless())
    assert max(ahead) <= 4


def test_outcome_hides_its_audio() -> None:
    """The representation of an outcome contains no audio."""
    with LoopbackServer([NameRecogniser()]) as server, server.client() as audio:
        (outcome,) = audio.transcribe_many([tiny_recording("a")])
    assert "RIFF" not in repr(outcome)
    assert isinstance(outcome, Outcome)
    assert not isinstance(outcome.error, ApertisError)
