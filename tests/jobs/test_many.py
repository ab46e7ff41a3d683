"""Many recordings: what comes of each, in which order, and what is told meanwhile."""

import asyncio
import itertools
import queue
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from apertis_audio_tools import (
    ApertisError,
    ConfigurationError,
    InvalidRequestError,
    Outcome,
    Progress,
    RecordingError,
    UnsupportedError,
)
from apertis_audio_tools.recordings import Source
from colours import Run
from loopback import Exchange, Loopback
from recognisers import STANDUP, Cuts, Recogniser
from standup import PATIENCE, SECONDS
from tiny_recordings import Names, tinies, tiny


def texts(outcomes: list[Outcome]) -> list[str]:
    return [outcome.transcript.text for outcome in outcomes]


@pytest.mark.parametrize(
    ("verb", "path"), [("transcribe", "transcriptions"), ("translate", "translations")]
)
def test_outcomes(run: Run, verb: str, path: str) -> None:
    """Each recording has its outcome, in the order of the sources, whatever these are."""
    sources, names = tinies(20), Names()
    with Loopback([names]) as server, server.client(max_concurrency=3) as audio:
        outcomes = run(audio, f"{verb}_many", iter(sources), temperature=0.5)
    assert texts(outcomes) == [str(number) for number in range(20)]
    assert [outcome.index for outcome in outcomes] == [*range(20)]
    assert [outcome.source for outcome in outcomes] == sources
    assert {outcome.error for outcome in outcomes} == {None}
    assert {request.target for request in server.requests} == {f"/v1/audio/{path}"}
    assert all(b'name="temperature"\r\n\r\n0.5\r\n' in form for form in names.forms)


def test_nothing(run: Run) -> None:
    """Of no recordings comes nothing."""
    with Loopback([Names()]) as server, server.client() as audio:
        assert run(audio, "transcribe_many", []) == []
    assert server.requests == []


def test_hundreds(run: Run) -> None:
    """Hundreds of tiny ones are sent once each."""
    names = Names()
    with Loopback([names]) as server, server.client(max_concurrency=8) as audio:
        outcomes = run(audio, "transcribe_many", (tiny(number) for number in range(300)))
    assert texts(outcomes) == [str(number) for number in range(300)]
    assert sorted(map(int, names.heard)) == [*range(300)]
    assert names.most_at_once <= 8


def test_failures_are_collected(run: Run, tmp_path: Path) -> None:
    """Those that fail, here or at the service, have their errors; the others go on."""
    sources = [tiny("a"), tmp_path / "none.mp3", tiny("bad"), tiny("b")]
    with Loopback([Names()]) as server, server.client() as audio:
        a, missing, refused, b = run(audio, "transcribe_many", sources, on_error="collect")
    assert texts([a, b]) == ["a", "b"]
    assert isinstance(missing.error, RecordingError)
    assert (missing.label, refused.label) == ("none.mp3", "bad.wav")
    with pytest.raises(InvalidRequestError, match="Said the server"):
        _ = refused.transcript


def test_all_fail(run: Run) -> None:
    """All of them may fail."""
    sources = [tiny(f"bad{number}") for number in range(12)]
    with Loopback([Names()]) as server, server.client(max_concurrency=2) as audio:
        outcomes = run(audio, "transcribe_many", sources, on_error="collect")
    assert [type(outcome.error) for outcome in outcomes] == [InvalidRequestError] * 12


def test_as_they_come(run: Run) -> None:
    """Without order, nobody waits for the slowest."""
    others = threading.Semaphore(0)

    def slow_first(name: str, _: Exchange) -> None:
        if name != "0":
            others.release()
        else:
            assert all(others.acquire(timeout=PATIENCE) for _ in range(30))

    with Loopback([Names(slow_first)]) as server, server.client(max_concurrency=2) as audio:
        outcomes = run(audio, "transcribe_many", tinies(31), in_order=False)
    assert "0" not in texts(outcomes)[:20]
    assert sorted(map(int, texts(outcomes))) == [*range(31)]


async def test_asynchronous_sources() -> None:
    """Sources may come asynchronously; while one waits for the next, outcomes are handed over."""
    handed = asyncio.Queue[int]()

    async def sources() -> AsyncIterator[Source]:
        for number in range(5):
            yield tiny(number)
            assert await handed.get() == number

    with Loopback([Names()]) as server:
        async with server.client() as audio:
            async for outcome in audio.atranscribe_many(sources()):
                handed.put_nowait(outcome.index)
    assert len(server.requests) == 5


def test_asynchronous_sources_refused() -> None:
    """The blocking verb cannot wait for them, and says who can."""

    async def sources() -> AsyncIterator[Source]:
        yield tiny("never")

    with (
        Loopback([Names()]) as server,
        server.client() as audio,
        pytest.raises(ConfigurationError, match="atranscribe_many"),
    ):
        audio.transcribe_many(sources())


@pytest.mark.parametrize("sources", ["meeting.mp3", b"RIFF", Path("meeting.mp3"), 7])
def test_one_recording_is_not_many(run: Run, sources: Any) -> None:
    """One path or one file in place of many is a mistake that is told."""
    with (
        Loopback([Names()]) as server,
        server.client() as audio,
        pytest.raises(ConfigurationError, match="sources"),
    ):
        run(audio, "transcribe_many", sources)


def test_wrong_choice(run: Run) -> None:
    """So is a way to treat errors that there is not."""
    with (
        Loopback([Names()]) as server,
        server.client() as audio,
        pytest.raises(ConfigurationError, match='"collect"'),
    ):
        run(audio, "transcribe_many", [], on_error="ignore")


def test_impossible(run: Run) -> None:
    """What no recording can be asked is refused before the first source is taken."""
    sources = iter(tinies(3))
    with (
        Loopback([Names()]) as server,
        server.client() as audio,
        pytest.raises(UnsupportedError, match="tts-1"),
    ):
        run(audio, "transcribe_many", sources, model="tts-1", on_error="collect")
    assert next(sources) == tiny(0)


def test_progress(run: Run) -> None:
    """A function hears of every recording that is finished."""
    told: list[Progress] = []
    sources = [tiny("a"), tiny("bad"), tiny("c")]
    with Loopback([Names()]) as server, server.client(max_concurrency=1) as audio:
        run(audio, "transcribe_many", sources, on_error="collect", progress=told.append)
        run(audio, "transcribe_many", iter(sources[:1]), progress=told.append)
    assert [(each.done, each.failed, each.total, each.label) for each in told] == [
        (1, 0, 3, "a.wav"),
        (2, 1, 3, "bad.wav"),
        (3, 1, 3, "c.wav"),
        (1, 0, None, "a.wav"),
    ]
    assert [each.seconds for each in told] == pytest.approx([0.1, 0.1, 0.2, 0.1])


def test_progress_of_one_long_recording(run: Run, cuts: Cuts) -> None:
    """A function hears of each piece of a recording that is cut, on the way to its end."""
    told: queue.Queue[Progress] = queue.Queue()
    heard: list[Progress] = []

    def wait_for_the_one_before(number: int, _: Exchange) -> None:
        if number:
            heard.append(told.get(timeout=PATIENCE))

    recogniser = Recogniser(cuts, wait_for_the_one_before)
    with Loopback([recogniser]) as server, server.client(max_concurrency=1) as audio:
        asked = {"piece_seconds": SECONDS, "progress": told.put}
        run(audio, "transcribe_many", [STANDUP], **asked)
    heard += [told.get_nowait() for _ in range(2)]
    assert told.empty()
    assert [each.done for each in heard] == [0] * len(cuts.spans) + [1]
    ends = [end for _, end in cuts.spans]
    assert [each.seconds for each in heard] == pytest.approx([*ends, ends[-1]], abs=0.01)


def test_bar(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """The bar is on standard error, and counts to the end."""
    with Loopback([Names()]) as server, server.client() as audio:
        run(audio, "transcribe_many", tinies(4), progress=True)
    shown = capsys.readouterr()
    assert (shown.out, "4/4" in shown.err) == ("", True)


def test_bar_without_its_extra(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without tqdm a sentence names the extra, and no recording is sent."""
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with (
        Loopback([Names()]) as server,
        server.client() as audio,
        pytest.raises(ConfigurationError, match=r"apertis-audio-tools\[progress\]"),
    ):
        run(audio, "transcribe_many", tinies(1), progress=True)
    assert server.requests == []


def test_failing_progress(run: Run) -> None:
    """What a function that is told of progress raises ends it all."""

    def fail(_: Progress) -> None:
        raise ZeroDivisionError

    with (
        Loopback([Names()]) as server,
        server.client() as audio,
        pytest.raises(ZeroDivisionError),
    ):
        run(audio, "transcribe_many", tinies(9), progress=fail)


def test_endless_sources(run: Run) -> None:
    """Of an endless row, sources are taken only as there is room for them."""
    names, ahead = Names(), []

    def endless() -> Iterator[Source]:
        for number in itertools.count():
            ahead.append(number - len(names.heard))
            if number == 50:
                raise KeyError
            yield tiny(number)

    with (
        Loopback([names]) as server,
        server.client(max_concurrency=2) as audio,
        pytest.raises(KeyError),
    ):
        run(audio, "transcribe_many", endless())
    assert max(ahead) <= 4


def test_outcome_hides_its_sound() -> None:
    """What is printed of an outcome has no audio in it."""
    with Loopback([Names()]) as server, server.client() as audio:
        (outcome,) = audio.transcribe_many([tiny("a")])
    assert "RIFF" not in repr(outcome)
    assert isinstance(outcome, Outcome)
    assert not isinstance(outcome.error, ApertisError)
