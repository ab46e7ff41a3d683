"""One recording in many pieces: sent together, put together, paid for once."""

import asyncio
import signal
import threading
import wave
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from apertis_audio_tools import ApertisAudio, InvalidRequestError, RecordingError, Transcript
from apertis_audio_tools.retry import SystemClock
from apertis_audio_tools.stitching import PartialTranscript
from behaviours import error, json_answer
from colours import Run
from loopback import Exchange, Loopback
from recognisers import STANDUP, Cuts, Recogniser
from recordings_made import silence_of

SECONDS = 10.0
OFFSET = 0.01
"""Where the recogniser hears its words, from the start of a piece."""
PATIENCE = 20.0


@pytest.fixture(autouse=True)
def _no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APERTIS_AUDIO_CACHE", raising=False)


@cache
def standup() -> Cuts:
    return Cuts.of(STANDUP, SECONDS)


@pytest.fixture(name="cuts")
def _cuts() -> Cuts:
    return standup()


@pytest.fixture(name="left_behind", autouse=True)
def _left_behind() -> Iterator[Callable[[], set[str]]]:
    """What a job that has ended still holds, which at the end of each test has to be nothing."""
    before = temporary_files()

    def left() -> set[str]:
        names = {each.name for each in threading.enumerate()}
        threads = {name for name in names if name.startswith("apertis-audio")}
        return threads | (temporary_files() - before)

    yield left
    assert left() == set()


def temporary_files() -> set[str]:
    """Files that this process holds open although they have no name any more."""
    folder = Path("/proc/self/fd")
    opened = [*folder.iterdir()] if folder.exists() else []
    names = [str(each.readlink()) for each in opened if each.is_symlink()]
    return {name for name in names if name.endswith("(deleted)")}


def transcribed(run: Run, client: ApertisAudio, **options: Any) -> Transcript:
    found = run(client, "transcribe", STANDUP, **{"piece_seconds": SECONDS} | options)
    assert isinstance(found, Transcript)
    return found


def test_pieces(run: Run, cuts: Cuts) -> None:
    """Every piece is sent once, and the transcript has all of them where they belong."""
    recogniser = Recogniser(cuts)
    with Loopback([recogniser]) as server, server.client() as audio:
        whole = transcribed(run, audio)
    assert recogniser.counts == dict.fromkeys(range(len(cuts.spans)), 1)
    assert len(cuts.spans) >= 6
    assert whole.text == " ".join(cuts.texts)
    starts = [each.start for each in whole.segments]
    assert starts == pytest.approx([start + OFFSET for start, _ in cuts.spans], abs=0.001)
    assert (whole.source, whole.language, whole.task) == ("standup.ogg", "english", "transcribe")
    assert whole.duration == pytest.approx(cuts.spans[-1][1], abs=0.001)


def test_translation(run: Run, cuts: Cuts) -> None:
    """Translations are cut and put together in the same way."""
    with Loopback([Recogniser(cuts)]) as server, server.client() as audio:
        whole = run(audio, "translate", STANDUP, piece_seconds=SECONDS)
    assert {request.target for request in server.requests} == {"/v1/audio/translations"}
    assert (whole.text, whole.task) == (" ".join(cuts.texts), "translate")


def test_concurrency(run: Run, cuts: Cuts) -> None:
    """As many as allowed are sent at once, and not one more."""
    together = threading.Barrier(3)

    def meet(number: int, _: Exchange) -> None:
        if number < 3:
            together.wait(PATIENCE)

    recogniser = Recogniser(cuts, meet)
    with Loopback([recogniser]) as server, server.client(max_concurrency=3) as audio:
        transcribed(run, audio)
    assert recogniser.most_at_once == 3


def test_one_after_the_other(run: Run, cuts: Cuts) -> None:
    """With one at a time they go in order."""
    recogniser = Recogniser(cuts)
    with Loopback([recogniser]) as server, server.client(max_concurrency=1) as audio:
        transcribed(run, audio)
    assert (recogniser.most_at_once, recogniser.heard) == (1, [*range(len(cuts.spans))])


def test_out_of_order(run: Run, cuts: Cuts) -> None:
    """The result is in order although the first answer comes last."""
    others = threading.Semaphore(0)

    def last(number: int, _: Exchange) -> None:
        if number:
            others.release()
        else:
            assert all(others.acquire(timeout=PATIENCE) for _ in cuts.spans[1:])

    with Loopback([Recogniser(cuts, last)]) as server, server.client(max_concurrency=2) as audio:
        assert transcribed(run, audio).text == " ".join(cuts.texts)


def test_retries(run: Run, cuts: Cuts) -> None:
    """A piece that the service fails to answer is sent again; the others are not."""
    failing = {1, 4}

    def fail(number: int, exchange: Exchange) -> bool:
        if number not in failing:
            return False
        failing.discard(number)
        error(503)(exchange)
        return True

    recogniser = Recogniser(cuts, fail)
    with Loopback([recogniser]) as server, server.client() as audio:
        assert transcribed(run, audio).text == " ".join(cuts.texts)
    assert recogniser.counts == {n: 2 if n in {1, 4} else 1 for n in range(len(cuts.spans))}


class RefusesOne:
    """Refuses piece 1 for good, while pieces 0 and 2 are under way; these are answered later."""

    def __init__(self) -> None:
        self.is_refusing = True
        self._together = threading.Barrier(3)
        self._refused = threading.Event()

    def __call__(self, number: int, exchange: Exchange) -> bool:
        """True when there was an answer."""
        if not self.is_refusing:
            return False
        self._together.wait(PATIENCE)
        if number != 1:
            assert self._refused.wait(PATIENCE)
            return False
        error(400, "invalid_request", connection="close")(exchange)
        exchange.wait_for_client_to_leave()
        self._refused.set()
        return True


def test_refused(run: Run, cuts: Cuts) -> None:
    """After a refusal nothing new is sent; what was under way is awaited, kept, and told of."""
    recogniser = Recogniser(cuts, RefusesOne())
    with Loopback([recogniser]) as server, server.client(max_concurrency=3) as audio:
        with pytest.raises(InvalidRequestError, match="Said the server") as caught:
            transcribed(run, audio)
        partial = caught.value.partial
    assert sorted(recogniser.heard) == [0, 1, 2]
    assert isinstance(partial, PartialTranscript)
    assert partial.spans == (cuts.spans[0], cuts.spans[2])
    assert partial.transcript.text == f"{cuts.texts[0]} {cuts.texts[2]}"
    assert partial.transcript.segments[1].start == pytest.approx(
        cuts.spans[2][0] + OFFSET, abs=0.001
    )


def test_next_try(run: Run, cuts: Cuts, tmp_path: Path) -> None:
    """With a cache the next try sends only what is missing, and the one after that nothing."""
    refusing = RefusesOne()
    recogniser = Recogniser(cuts, refusing)
    with (
        Loopback([recogniser]) as server,
        server.client(max_concurrency=3, cache=tmp_path) as audio,
    ):
        with pytest.raises(InvalidRequestError):
            transcribed(run, audio)
        recogniser.heard.clear()
        refusing.is_refusing = False
        whole = transcribed(run, audio)
        assert sorted(recogniser.heard) == [1, *range(3, len(cuts.spans))]
        assert whole.text == " ".join(cuts.texts)
        recogniser.heard.clear()
        assert transcribed(run, audio) == whole
        assert recogniser.heard == []


def test_cached_whole(run: Run, tmp_path: Path) -> None:
    """A recording that fits is kept too; another client answers from the same folder."""
    answer = json_answer({"text": "Once.", "language": "english"})
    with Loopback([answer]) as server:
        with server.client(cache=tmp_path) as audio:
            first = run(audio, "transcribe", STANDUP)
        with server.client(cache=tmp_path) as audio:
            assert run(audio, "transcribe", STANDUP) == first
            renamed = run(audio, "transcribe", ("other.ogg", STANDUP.read_bytes()))
    assert len(server.requests) == 1
    assert renamed == first.model_copy(update={"source": "other.ogg"})


@pytest.mark.parametrize(
    "other",
    [
        {"model": "whisper-large-v3"},
        {"language": "de"},
        {"prompt": "Names: Ada."},
        {"temperature": 0.5},
        {"response_format": "srt"},
        {"piece_seconds": 40.0},
        {"shrink": "mp3"},
    ],
)
def test_another_question(run: Run, tmp_path: Path, other: dict[str, Any]) -> None:
    """What was asked in another way is not answered from the cache."""
    srt = b"1\n00:00:00,000 --> 00:00:01,000\nOnce.\n"
    answer = json_answer({"text": "Once."})

    def either(exchange: Exchange) -> None:
        if "response_format" in other and exchange.received.number:
            exchange.read_body()
            exchange.write_head(200, {"content-length": str(len(srt))}, srt)
        else:
            answer(exchange)

    with Loopback([either]) as server, server.client(cache=tmp_path) as audio:
        run(audio, "transcribe", STANDUP)
        run(audio, "transcribe", STANDUP, **other)
    assert len(server.requests) >= 2


def test_another_service_content_or_task(run: Run, tmp_path: Path) -> None:
    """Neither is what another service said, nor what was said elsewhere, nor a translation."""
    answer = json_answer({"text": "Once."})
    with Loopback([answer]) as one, Loopback([answer]) as other:
        for server in (one, other):
            with server.client(cache=tmp_path) as audio:
                run(audio, "transcribe", STANDUP)
                run(audio, "translate", STANDUP)
                run(audio, "transcribe", ("standup.ogg", silence_of(32_000)))
        assert (len(one.requests), len(other.requests)) == (3, 3)


def test_as_it_is(run: Run) -> None:
    """A recording that fits is sent as it is, in one request."""
    with Loopback([json_answer({"text": "Once."})]) as server, server.client() as audio:
        assert run(audio, "transcribe", STANDUP).text == "Once."
    (request,) = server.requests
    assert STANDUP.read_bytes() in request.body


def quiet(path: Path, seconds: int) -> Path:
    """A recording of silence that takes 8 kB a second."""
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(8000)
        sound.writeframes(b"\x80" * 8000 * seconds)
    return path


@pytest.mark.parametrize(
    ("model", "sizes"), [("whisper-1", [1300]), ("gpt-4o-transcribe", [1200, 100])]
)
def test_model_limits(run: Run, tmp_path: Path, model: str, sizes: list[int]) -> None:
    """Models that take no more than 23 minutes get pieces of at most 20."""
    path = quiet(tmp_path / "quiet.wav", sum(sizes))
    with Loopback([json_answer({"text": ""})]) as server, server.client() as audio:
        run(audio, "transcribe", path, model=model)
    sent = sorted((request.size / 8000 for request in server.requests), reverse=True)
    assert len(sent) == len(sizes)
    assert sent[0] < sizes[0] + 1
    assert sum(sizes) <= sum(sent) < sum(sizes) + len(sizes)


def test_unreadable_half_way(run: Run, cuts: Cuts, monkeypatch: pytest.MonkeyPatch) -> None:
    """When cutting fails half-way, what was sent before is awaited, and told of."""
    from apertis_audio_tools import recordings

    cut = recordings.pieces

    def breaking(*args: Any, **options: Any) -> Iterator[recordings.Piece]:
        for piece in cut(*args, **options):
            if piece.number == 2:
                piece.close()
                raise RecordingError("The disk is gone.")
            yield piece

    monkeypatch.setattr(recordings, "pieces", breaking)
    recogniser = Recogniser(cuts)
    with Loopback([recogniser]) as server, server.client() as audio:
        with pytest.raises(RecordingError, match="disk is gone") as caught:
            transcribed(run, audio)
        partial = caught.value.partial
    assert sorted(recogniser.heard) == [0, 1]
    assert len(partial.spans) == 2


def test_two_at_once(cuts: Cuts) -> None:
    """Two threads may use one client; each gets its own transcript."""
    with (
        Loopback([Recogniser(cuts)]) as server,
        server.client() as audio,
        ThreadPoolExecutor(2) as threads,
    ):
        found = list(
            threads.map(lambda _: audio.transcribe(STANDUP, piece_seconds=SECONDS), range(2))
        )
    assert [each.text for each in found] == [" ".join(cuts.texts)] * 2


async def test_two_tasks_at_once(cuts: Cuts) -> None:
    """The same for tasks."""
    with Loopback([Recogniser(cuts)]) as server:
        async with server.client() as audio:
            calls = [audio.atranscribe(STANDUP, piece_seconds=SECONDS) for _ in range(2)]
            found = await asyncio.gather(*calls)
    assert [each.text for each in found] == [" ".join(cuts.texts)] * 2


class Hangs:
    """Never answers, nor lets go; piece 0 is refused for a time longer than any test may take."""

    def __init__(self) -> None:
        self.is_hanging = True
        self.arrived = threading.Barrier(4)

    def __call__(self, number: int, exchange: Exchange) -> bool:
        """True when there was an answer, or will be none."""
        if not self.is_hanging:
            return False
        if number == 0:
            error(503, retry_after="180", connection="close")(exchange)
            exchange.close()
        self.arrived.wait(PATIENCE)
        if number:
            exchange.wait_for_client_to_leave()
        return True


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signals to threads there")
def test_interrupt(cuts: Cuts, left_behind: Callable[[], set[str]]) -> None:
    """Ctrl-C ends waits and requests at once; the same client works afterwards."""
    hangs = Hangs()
    recogniser = Recogniser(cuts, hangs)

    def interrupt() -> None:
        hangs.arrived.wait(PATIENCE)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    with (
        Loopback([recogniser]) as server,
        server.client(max_concurrency=3, clock=SystemClock()) as audio,
    ):
        interrupter = threading.Thread(target=interrupt)
        interrupter.start()
        with pytest.raises(KeyboardInterrupt):
            audio.transcribe(STANDUP, piece_seconds=SECONDS)
        interrupter.join()
        assert sorted(recogniser.heard) == [0, 1, 2]
        assert left_behind() == set()
        hangs.is_hanging = False
        whole = audio.transcribe(STANDUP, piece_seconds=SECONDS)
    assert whole.text == " ".join(cuts.texts)


async def test_cancellation(cuts: Cuts, left_behind: Callable[[], set[str]]) -> None:
    """So does cancelling a task."""
    hangs = Hangs()
    recogniser = Recogniser(cuts, hangs)
    with Loopback([recogniser]) as server:
        async with server.client(max_concurrency=3, clock=SystemClock()) as audio:
            task = asyncio.create_task(audio.atranscribe(STANDUP, piece_seconds=SECONDS))
            await asyncio.to_thread(hangs.arrived.wait, PATIENCE)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert sorted(recogniser.heard) == [0, 1, 2]
            assert left_behind() == set()
            hangs.is_hanging = False
            whole = await audio.atranscribe(STANDUP, piece_seconds=SECONDS)
    assert whole.text == " ".join(cuts.texts)


async def test_cancelled_at_any_time(cuts: Cuts, left_behind: Callable[[], set[str]]) -> None:
    """A task may be cancelled while a piece is being cut; nothing of it is left."""
    with Loopback([Recogniser(cuts)]) as server:
        async with server.client() as audio:
            for steps in range(0, 40, 3):
                task = asyncio.create_task(audio.atranscribe(STANDUP, piece_seconds=SECONDS))
                for _ in range(steps):
                    await asyncio.sleep(0)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert left_behind() == set()


def test_failure_ends_waits(cuts: Cuts) -> None:
    """Who waits to try again is not waited for once another piece was refused for good."""

    def wait_or_refuse(number: int, exchange: Exchange) -> bool:
        if number == 0:
            error(503, retry_after="180")(exchange)
        else:
            error(400, "invalid_request")(exchange)
        return True

    recogniser = Recogniser(cuts, wait_or_refuse)
    with (
        Loopback([recogniser]) as server,
        server.client(max_concurrency=2, clock=SystemClock()) as audio,
        pytest.raises(InvalidRequestError),
    ):
        audio.transcribe(STANDUP, piece_seconds=SECONDS)
    assert sorted(recogniser.heard) == [0, 1]
