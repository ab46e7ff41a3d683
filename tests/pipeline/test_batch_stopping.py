"""Batches that fail, are closed early, interrupted or cancelled."""

import asyncio
import contextlib
import io
import itertools
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from apertis_audio_tools import ApertisAudio, InvalidRequestError, Progress, RecordingError
from apertis_audio_tools.audio import Source
from apertis_audio_tools.transport.retry import SystemClock
from support.loopback_server import Exchange, LoopbackServer
from support.sync_async import RUNS, Run
from support.timeouts import TIMEOUT
from support.tiny_recordings import NameRecogniser, tiny_recording, tiny_recordings


def endless(read: list[int]) -> Iterator[Source]:
    for number in itertools.count():
        read.append(number)
        yield tiny_recording(number)


def collect(
    run: Run, audio: ApertisAudio, sources: Iterable[Source], **options: Any
) -> tuple[list[str], Exception | None]:
    """Return the texts that were yielded, and the error that ended the batch."""
    texts: list[str] = []

    async def iterate() -> None:
        async for outcome in audio.atranscribe_many(sources, **options):
            texts.append(outcome.transcript.text)  # noqa: PERF401  # kept if it raises

    try:
        if run is RUNS["async"]:
            asyncio.run(iterate())
        else:
            texts.extend(each.transcript.text for each in audio.transcribe_many(sources, **options))
    except Exception as error:  # noqa: BLE001
        return texts, error
    return texts, None


def test_first_failure_is_raised(run: Run) -> None:
    """The first failure is raised, and nothing new is sent."""
    names = NameRecogniser()
    sources = [tiny_recording("a"), tiny_recording("bad"), *tiny_recordings(50)]
    with (
        LoopbackServer([names]) as server,
        server.client(max_concurrency=1) as audio,
        pytest.raises(InvalidRequestError, match="Message of the server"),
    ):
        run(audio, "transcribe_many", sources)
    assert names.received == ["a", "bad"]


def test_failure_has_its_turn(run: Run) -> None:
    """Outcomes before the failure are yielded first; recordings after it are not sent."""
    refused = threading.Event()

    def wait(name: str, _: Exchange) -> None:
        if name != "bad":
            assert refused.wait(TIMEOUT)

    read, done = [], []

    def note(it: Progress) -> None:
        done.append(it.label)
        if it.label == "bad.wav":
            refused.set()

    def sources() -> Iterator[Source]:
        for name in ("slow", "bad", *range(90)):
            read.append(name)
            yield tiny_recording(name)

    with (
        LoopbackServer([NameRecogniser(wait)]) as server,
        server.client(max_concurrency=2) as audio,
        pytest.raises(InvalidRequestError),
    ):
        run(audio, "transcribe_many", sources(), progress=note)
    assert done == ["bad.wav", "slow.wav"]
    assert read == ["slow", "bad"]


def test_under_way_is_kept(run: Run, tmp_path: Path) -> None:
    """Recordings in progress when another fails are finished and handed over, then it is raised."""
    together = threading.Barrier(2)
    refused = threading.Event()

    def order(name: str, exchange: Exchange) -> None:
        if not refused.is_set():
            together.wait(TIMEOUT)
        if name == "bad":
            exchange.read_body()
            refused.set()

    names = NameRecogniser(order)
    with (
        LoopbackServer([names]) as server,
        server.client(max_concurrency=2, cache=tmp_path) as audio,
    ):
        sources = [tiny_recording("bad"), tiny_recording("good")]
        texts, error = collect(run, audio, sources)
        assert (texts, type(error)) == (["good"], InvalidRequestError)
        names.received.clear()
        assert run(audio, "transcribe", tiny_recording("good")).text == "good"
    assert names.received == []


@pytest.mark.parametrize("after", [0, 1, 7])
def test_sources_that_fail(run: Run, after: int) -> None:
    """An error raised by the iterable of sources is raised unchanged."""

    def sources() -> Iterator[Source]:
        yield from tiny_recordings(after)
        raise LookupError("The list is gone.")

    with LoopbackServer([NameRecogniser()]) as server, server.client(max_concurrency=2) as audio:
        texts, error = collect(run, audio, sources())
    assert texts == [str(number) for number in range(after)]
    assert isinstance(error, LookupError)


@pytest.mark.parametrize("in_order", [True, False])
def test_file_object_that_fails(run: Run, *, in_order: bool) -> None:
    """An exception of a file object is raised when everything under way is handed over."""

    class Failing(io.BytesIO):
        def read(self, _: int | None = -1, /) -> bytes:
            raise LookupError("The bucket is gone.")

    sources = [*tiny_recordings(2), ("file.wav", Failing(b"RIFF")), *tiny_recordings(2)]
    with LoopbackServer([NameRecogniser()]) as server, server.client(max_concurrency=5) as audio:
        texts, error = collect(run, audio, sources, in_order=in_order)
        assert len(texts) == len(server.requests) >= 2
    assert isinstance(error, LookupError)


def test_several_failures(run: Run) -> None:
    """The first failure in order is raised, and names the others."""
    together = threading.Barrier(3)
    names = NameRecogniser(lambda *_: together.wait(TIMEOUT))
    sources = [tiny_recording(name) for name in ("bad1", "good", "bad2")]
    with LoopbackServer([names]) as server, server.client(max_concurrency=3) as audio:
        texts, error = collect(run, audio, sources)
    assert texts == ["good"]
    assert error is not None
    assert error.__notes__ == [f"bad2.wav failed as well: {error}"]


@pytest.mark.parametrize("kind", ["missing", "empty", "folder", "no path"])
def test_list_of_paths_is_checked_first(run: Run, tmp_path: Path, kind: str) -> None:
    """A list with a path that is no file is refused before anything is sent."""
    bad: Any = tmp_path / "bad.wav"
    if kind == "folder":
        bad.mkdir()
    elif kind == "empty":
        bad.touch()
    elif kind == "no path":
        bad = None
    with LoopbackServer([NameRecogniser()]) as server, server.client() as audio:
        assert isinstance(collect(run, audio, [*tiny_recordings(9), bad])[1], RecordingError)
        assert server.requests == []
        texts, error = collect(run, audio, iter([*tiny_recordings(2), bad]))
    assert (texts, type(error)) == (["0", "1"], RecordingError)


async def test_asynchronous_sources_that_never_end() -> None:
    """After a failure, sources that wait for more are not awaited."""

    async def sources() -> AsyncIterator[Source]:
        yield tiny_recording("bad")
        await asyncio.Event().wait()

    with LoopbackServer([NameRecogniser()]) as server:
        async with server.client() as audio:
            with pytest.raises(InvalidRequestError):
                await anext(audio.atranscribe_many(sources()))


def hold_others(name: str, exchange: Exchange) -> None:
    """Hold all recordings but the first until the client disconnects."""
    if name != "0":
        exchange.wait_for_disconnect()


def test_closed_early(left_behind: Callable[[], set[str]]) -> None:
    """Closing the iterator ends recordings in progress at once; the client still works."""
    read: list[int] = []
    names = NameRecogniser(hold_others)
    with LoopbackServer([names]) as server, server.client(max_concurrency=3) as audio:
        outcomes = audio.transcribe_many(endless(read))
        assert next(outcomes).transcript.text == "0"
        outcomes.close()
        assert left_behind() == set()
        names.before = lambda *_: None
        assert audio.transcribe(tiny_recording("after")).text == "after"
    assert len(read) <= 6


async def test_async_closed_early(left_behind: Callable[[], set[str]]) -> None:
    """Closing the async iterator ends recordings in progress at once."""
    read: list[int] = []
    names = NameRecogniser(hold_others)
    with LoopbackServer([names]) as server:
        async with server.client(max_concurrency=3) as audio:
            async with contextlib.aclosing(audio.atranscribe_many(endless(read))) as outcomes:
                assert (await anext(outcomes)).transcript.text == "0"
            assert left_behind() == set()
            assert asyncio.all_tasks() == {asyncio.current_task()}
            names.before = lambda *_: None
            assert (await audio.atranscribe(tiny_recording("after"))).text == "after"
    assert len(read) <= 6


def test_never_begun() -> None:
    """An iterator that is never advanced starts nothing."""
    read: list[int] = []
    with LoopbackServer([NameRecogniser()]) as server, server.client() as audio:
        audio.transcribe_many(endless(read)).close()
    assert (read, server.requests) == ([], [])


@pytest.mark.usefixtures("interruptible")
@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signals to threads there")
def test_interrupt(left_behind: Callable[[], set[str]]) -> None:
    """Ctrl-C ends everything at once; the client still works afterwards."""
    names = NameRecogniser(lambda _, exchange: exchange.wait_for_disconnect())

    def interrupt() -> None:
        server.wait_for_requests(3)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    with (
        LoopbackServer([names]) as server,
        server.client(max_concurrency=3, clock=SystemClock()) as audio,
    ):
        interrupter = threading.Thread(target=interrupt)
        interrupter.start()
        with pytest.raises(KeyboardInterrupt):
            list(audio.transcribe_many(endless([])))
        interrupter.join()
        assert left_behind() == set()
        names.before = lambda *_: None
        assert len(list(audio.transcribe_many(tiny_recordings(9)))) == 9


async def test_cancellation(left_behind: Callable[[], set[str]]) -> None:
    """Cancelling the task ends everything at once; the client still works afterwards."""
    names = NameRecogniser(lambda _, exchange: exchange.wait_for_disconnect())
    with LoopbackServer([names]) as server:
        async with server.client(max_concurrency=3, clock=SystemClock()) as audio:

            async def iterate() -> int:
                return len([_ async for _ in audio.atranscribe_many(tiny_recordings(9))])

            task = asyncio.create_task(iterate())
            await asyncio.to_thread(server.wait_for_requests, 3)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert left_behind() == set()
            names.before = lambda *_: None
            assert await iterate() == 9


async def test_cancelled_at_any_time(left_behind: Callable[[], set[str]]) -> None:
    """Whenever the task is cancelled, all permits are released."""
    with LoopbackServer([NameRecogniser()]) as server:
        async with server.client(max_concurrency=2) as audio:

            async def iterate() -> int:
                return len([_ async for _ in audio.atranscribe_many(tiny_recordings(4))])

            for steps in range(0, 60, 3):
                task = asyncio.create_task(iterate())
                for _ in range(steps):
                    await asyncio.sleep(0)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert left_behind() == set()
            assert await iterate() == 4
