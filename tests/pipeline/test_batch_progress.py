"""The progress of a batch is reported while it runs."""

import queue
import sys
import threading
from concurrent.futures import Future
from typing import Any

import pytest

from apertis_audio_tools import ConfigurationError, Progress, Transcript
from support.loopback_server import Exchange, LoopbackServer
from support.piece_recogniser import STANDUP, ExpectedPieces, PieceRecogniser
from support.standup_pieces import PIECE_SECONDS
from support.sync_async import Run
from support.timeouts import TIMEOUT
from support.tiny_recordings import NameRecogniser, tiny_recording, tiny_recordings


def test_progress(run: Run) -> None:
    """A callback is called for every recording that is finished."""
    reported: list[Progress] = []
    sources = [tiny_recording("a"), tiny_recording("bad"), tiny_recording("c")]
    with LoopbackServer([NameRecogniser()]) as server, server.client(max_concurrency=1) as audio:
        run(audio, "transcribe_many", sources, on_error="skip", progress=reported.append)
        run(audio, "transcribe_many", iter(sources[:1]), progress=reported.append)
    assert [(each.done, each.failed, each.total, each.label) for each in reported] == [
        (1, 0, 3, "a.wav"),
        (2, 1, 3, "bad.wav"),
        (3, 1, 3, "c.wav"),
        (1, 0, None, "a.wav"),
    ]
    assert [each.seconds for each in reported] == pytest.approx([0.1, 0.1, 0.2, 0.1])


def test_progress_of_one_long_recording(run: Run, cuts: ExpectedPieces) -> None:
    """A callback is called for each piece of a long recording, then for the recording."""
    reported: queue.Queue[Progress] = queue.Queue()
    received: list[Progress] = []

    def wait_for_the_one_before(number: int, _: Exchange) -> None:
        if number:
            received.append(reported.get(timeout=TIMEOUT))

    recogniser = PieceRecogniser(cuts, wait_for_the_one_before)
    with LoopbackServer([recogniser]) as server, server.client(max_concurrency=1) as audio:
        options = {"piece_seconds": PIECE_SECONDS, "progress": reported.put}
        run(audio, "transcribe_many", [STANDUP], **options)
    received += [reported.get_nowait() for _ in range(2)]
    assert reported.empty()
    assert [each.done for each in received] == [0] * len(cuts.spans) + [1]
    ends = [end for _, end in cuts.spans]
    assert [each.seconds for each in received] == pytest.approx([*ends, ends[-1]], abs=0.01)


def test_last_piece_of_a_recording_that_ends_meanwhile(
    cuts: ExpectedPieces, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last piece is reported even if the recording ends during the report of another."""
    last_but_one, ended = threading.Event(), threading.Event()
    reported: list[Progress] = []
    set_result = Future.set_result

    def set_and_signal(future: Future[Any], result: Any) -> None:
        set_result(future, result)
        if isinstance(result, Transcript):
            ended.set()

    def report(progress: Progress) -> None:
        reported.append(progress)
        if progress.seconds == pytest.approx(cuts.spans[-2][1], abs=0.01):
            last_but_one.set()
            assert ended.wait(TIMEOUT)

    def wait(number: int, _: Exchange) -> None:
        assert number < len(cuts.spans) - 1 or last_but_one.wait(TIMEOUT)

    monkeypatch.setattr(Future, "set_result", set_and_signal)
    with LoopbackServer([PieceRecogniser(cuts, wait)]) as server, server.client() as audio:
        list(audio.transcribe_many([STANDUP], piece_seconds=PIECE_SECONDS, progress=report))
    assert [each.done for each in reported[-2:]] == [0, 1]
    assert [each.seconds for each in reported[-2:]] == pytest.approx(
        [cuts.spans[-1][1]] * 2, abs=0.01
    )


def test_bar(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """The bar is on standard error and counts to the end."""
    with LoopbackServer([NameRecogniser()]) as server, server.client() as audio:
        run(audio, "transcribe_many", tiny_recordings(4), progress=True)
    shown = capsys.readouterr()
    assert (shown.out, "4/4" in shown.err) == ("", True)


def test_bar_without_its_extra(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without tqdm an error names the extra, and nothing is sent."""
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with (
        LoopbackServer([NameRecogniser()]) as server,
        server.client() as audio,
        pytest.raises(
            ConfigurationError, match=r"^A progress bar needs tqdm: .*-tools\[progress\]'\.$"
        ),
    ):
        run(audio, "transcribe_many", tiny_recordings(1), progress=True)
    assert server.requests == []


def test_failing_callback(run: Run) -> None:
    """An error raised by the callback ends the batch."""

    def fail(_: Progress) -> None:
        raise ZeroDivisionError

    with (
        LoopbackServer([NameRecogniser()]) as server,
        server.client() as audio,
        pytest.raises(ZeroDivisionError),
    ):
        run(audio, "transcribe_many", tiny_recordings(9), progress=fail)
