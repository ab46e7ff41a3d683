"""A client that was used before a fork works in the parent and in the children."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from apertis_audio_tools import ApertisAudio
from apertis_audio_tools.concurrency.fork_safety import ProcessLocal
from support.fake_clock import IGNORE_RETIREMENT
from support.loopback_server import Exchange, LoopbackServer
from support.piece_recogniser import uploaded_file
from support.processes import fork_with_cache
from support.processes.fork_after_use import CHILDREN
from support.scripted_responses import respond_json
from support.sync_async import RUNS
from support.timeouts import TIMEOUT

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork there")

TESTS = Path(__file__).parents[1]
PROGRAMS = TESTS / "support" / "processes"
CLIPS = [TESTS / "clips" / f"clip.{suffix}" for suffix in ("wav", "mp3", "ogg", "flac", "m4a")]


def digest_of(recording: bytes) -> str:
    return hashlib.sha256(recording).hexdigest()


def recogniser(exchange: Exchange) -> None:
    """Respond with the digest of the recording, or with the models."""
    exchange.read_body()
    body = exchange.received.body
    response = {"text": digest_of(uploaded_file(body))} if body else {"data": [{"id": "whisper-1"}]}
    respond_json(response)(exchange)


def output_of(program: str, *arguments: object) -> str:
    done = subprocess.run(
        [
            sys.executable,
            *("-W", "ignore::DeprecationWarning"),  # from 3.12 on, of a fork with threads
            *IGNORE_RETIREMENT,
            PROGRAMS / program,
            *map(str, arguments),
        ],
        capture_output=True,
        text=True,
        timeout=1.5 * TIMEOUT,  # more than the programs themselves wait
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("mode", sorted(RUNS))
def test_each_process_gets_its_own_responses(tmp_path: Path, mode: str) -> None:
    """No process gets the response of another one, nor finds it in the cache."""
    expected = {str(clip): digest_of(clip.read_bytes()) for clip in CLIPS}
    with LoopbackServer([recogniser]) as server:
        found = json.loads(output_of("fork_after_use.py", server.url, tmp_path, mode, *CLIPS))
        kept = ApertisAudio("key-of-a-test", base_url=server.url, cache=tmp_path)
        with kept as audio:
            sent = len(server.requests)
            assert {str(clip): audio.transcribe(clip).text for clip in CLIPS} == expected
            assert len(server.requests) == sent
    assert found == [{str(CLIPS[0]): expected[str(CLIPS[0])]}, *[expected] * (CHILDREN + 1)]


def test_the_parent_keeps_its_connection(tmp_path: Path) -> None:
    """Children make their own connections, and the parent keeps using its one."""
    with LoopbackServer([recogniser]) as server:
        output_of("fork_after_use.py", server.url, tmp_path, "sync", *CLIPS)
        assert server.connections == 1 + CHILDREN


def test_fork_during_a_request() -> None:
    """A child can use a client while threads of the parent have permits and connections."""
    first, second = digest_of(CLIPS[0].read_bytes()), digest_of(CLIPS[1].read_bytes())
    begun, ended = threading.Event(), threading.Event()

    def one_after_the_other(exchange: Exchange) -> None:
        exchange.read_body()
        if not exchange.received.body:
            assert begun.wait(TIMEOUT)
        elif digest_of(uploaded_file(exchange.received.body)) == first:
            begun.set()
            assert ended.wait(TIMEOUT)
        else:
            ended.set()
        recogniser(exchange)

    with LoopbackServer([one_after_the_other]) as server:
        output = output_of("fork_during_request.py", server.url, CLIPS[0], CLIPS[1])
    assert output == f"{second} {first}"


def test_fork_with_a_held_lock() -> None:
    """A lock that a thread of the parent holds is free in the child."""
    assert output_of("fork_with_lock.py") == "0"


def test_fork_with_an_open_cache(tmp_path: Path) -> None:
    """Both processes can use a cache that was open at the fork, and lose nothing.

    In the child, SQLite must not take its parent's locks for its own.
    """
    assert output_of("fork_with_cache.py", tmp_path).splitlines() == fork_with_cache.KEYS


def test_value_of_each_process() -> None:
    """All threads of a child get one new value, and the parent's value is not deleted there."""
    assert set(output_of("fork_with_value.py").splitlines()) == {
        "1 value, new",
        "deleted in its process",
        "child ended with 0",
        "parent has the same",
    }


def test_value_that_several_threads_make() -> None:
    """Threads that make a value at the same time get the same one."""
    together = threading.Barrier(4)

    def make() -> object:
        together.wait(TIMEOUT)
        return object()

    local = ProcessLocal(make)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: local.value, range(4)))
    assert {id(each) for each in found} == {id(local.value)}


def test_children_that_exit_during_a_batch() -> None:
    """A child that exits during a batch does not disturb the requests of its parent."""
    texts = [digest_of(clip.read_bytes()) for clip in CLIPS]
    child_ended = threading.Event()

    def first_before_the_others(exchange: Exchange) -> None:
        exchange.read_body()
        if not exchange.received.body:
            child_ended.set()
        elif digest_of(uploaded_file(exchange.received.body)) == texts[0]:
            server.wait_for_requests(len(CLIPS))
        else:
            assert child_ended.wait(TIMEOUT)
        recogniser(exchange)

    with LoopbackServer([first_before_the_others]) as server:
        assert output_of("fork_during_batch.py", server.url, *CLIPS).split() == texts
