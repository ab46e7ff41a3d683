"""Who hears of a reader's recordings, and what stays open while they are under way."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]
from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events import BaseEvent

from apertis_audio_tools import InvalidRequestError, RecordingError
from apertis_audio_tools.llama_index import (
    ApertisAudioReader,
    TranscriptionEndEvent,
    TranscriptionStartEvent,
)
from apertis_audio_tools.llama_index.load_tracking import UNFINISHED
from support.contract.llama_index_readers import Load
from support.loopback import Loopback
from support.timeouts import PATIENCE
from support.tiny_recordings import Names, tiny
from support.wav_files import silence_of

MANY = 12


class Listener(BaseEventHandler):
    """Keeps what it hears."""

    heard: list[BaseEvent] = []  # noqa: RUF012  # pydantic copies it

    @classmethod
    def class_name(cls) -> str:
        """What it is called."""
        return "Listener"

    def handle(self, event: BaseEvent, **_: Any) -> None:
        """Keep it."""
        self.heard.append(event)


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Hears the events of readers."""
    dispatcher = get_dispatcher("apertis_audio_tools.llama_index")
    listener = Listener()
    dispatcher.add_event_handler(listener)
    yield listener
    dispatcher.event_handlers.remove(listener)


def test_events(listener: Listener, reader: ApertisAudioReader, monday: Path, load: Load) -> None:
    """Each recording is told of when it sets out and when it has arrived; no sound, no key."""
    load(reader, monday)
    start, end = listener.heard
    assert isinstance(start, TranscriptionStartEvent)
    assert isinstance(end, TranscriptionEndEvent)
    assert start.source == end.source == str(monday)
    assert (end.documents, end.model, end.error) == (4, "whisper-1", None)
    assert end.duration == pytest.approx(40, abs=0.1)
    assert "sk-payg" not in start.model_dump_json() + end.model_dump_json()


def test_events_without_a_name(
    listener: Listener, reader: ApertisAudioReader, monday: Path, load: Load
) -> None:
    """A recording without a name has none at first; in the end it is called as it is cited."""
    documents = load(reader, monday.read_bytes())
    start, end = listener.heard
    assert isinstance(start, TranscriptionStartEvent)
    assert isinstance(end, TranscriptionEndEvent)
    assert start.source == ""
    assert {each.metadata["source"] for each in documents} == {end.source}


def test_failures(listener: Listener, beacon_url: str, tmp_path: Path, load: Load) -> None:
    """A recording that was skipped is told of too."""
    (tmp_path / "a.mp3").write_bytes(b"no sound")
    reader = ApertisAudioReader(api_key="sk-payg", base_url=beacon_url, on_error="skip")
    load(reader, tmp_path)
    end = listener.heard[-1]
    assert isinstance(end, TranscriptionEndEvent)
    assert "no audio file" in (end.error or "")


class Folder(LocalFileSystem):  # type: ignore[misc]  # fsspec has no types
    """The machine's own file system, which counts what is open."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.files: list[Any] = []
        self.max_concurrent = 0

    def open(self, *args: Any, **options: Any) -> Any:
        """Open a file, and count."""
        self.files.append(super().open(*args, **options))
        self.max_concurrent = max(self.max_concurrent, self.open_now)
        return self.files[-1]

    @property
    def open_now(self) -> int:
        """How many are open."""
        return sum(not file.closed for file in self.files)


@pytest.fixture
def far() -> Folder:
    """A file system that is not the reader's own."""
    return Folder(skip_instance_cache=True)


@pytest.fixture
def names() -> Names:
    """Hears what recordings are called."""
    return Names()


@pytest.fixture
def one_by_one(names: Names) -> Iterator[ApertisAudioReader]:
    """A reader that has one recording under way at a time."""
    with Loopback([names]) as server, server.client(max_concurrency=1, max_retries=0) as client:
        yield ApertisAudioReader(client=client)


def written(folder: Path, *names: object) -> list[str]:
    """Recordings so called."""
    paths = [folder / f"{name}.wav" for name in names]
    for path in paths:
        path.write_bytes(silence_of(3200))
    return [str(path) for path in paths]


def started(listener: Listener) -> list[str]:
    return sorted(e.source for e in listener.heard if isinstance(e, TranscriptionStartEvent))


def ended(listener: Listener) -> dict[str, str | None]:
    ends = [e for e in listener.heard if isinstance(e, TranscriptionEndEvent)]
    found = {end.source: end.error for end in ends}
    assert len(found) == len(ends)
    return found


def test_few_files_are_open(
    one_by_one: ApertisAudioReader, far: Folder, tmp_path: Path, load: Load
) -> None:
    """What is opened in another file system is closed as soon as it has arrived."""
    found = load(one_by_one, written(tmp_path, *range(MANY)), fs=far)
    assert [document.text for document in found] == [str(number) for number in range(MANY)]
    assert len(far.files) == MANY
    assert far.max_concurrent <= 3
    assert far.open_now == 0


def test_files_of_a_failure(
    one_by_one: ApertisAudioReader, far: Folder, tmp_path: Path, load: Load
) -> None:
    """After a failure nothing is open."""
    with pytest.raises(InvalidRequestError):
        load(one_by_one, written(tmp_path, 0, "bad", *range(2, MANY)), fs=far)
    assert far.files
    assert far.open_now == 0


def test_files_of_who_leaves(
    one_by_one: ApertisAudioReader, far: Folder, listener: Listener, tmp_path: Path
) -> None:
    """Nor is anything when somebody leaves early, and what was under way is told of as such."""
    documents = one_by_one.lazy_load_data(written(tmp_path, *range(MANY)), fs=far)
    assert next(documents).text == "0"
    documents.close()
    assert 0 < len(far.files) < MANY
    assert far.open_now == 0
    assert started(listener) == sorted(ended(listener))
    assert set(ended(listener).values()) <= {None, UNFINISHED}


def test_files_that_open_too_late(
    one_by_one: ApertisAudioReader, listener: Listener, tmp_path: Path
) -> None:
    """A file that is still being opened when somebody leaves is closed once it is open."""
    opening, may_open = threading.Event(), threading.Event()

    class Slow(Folder):
        def open(self, *args: Any, **options: Any) -> Any:
            opening.set()
            assert may_open.wait(PATIENCE)
            return super().open(*args, **options)

    far = Slow(skip_instance_cache=True)

    async def left() -> None:
        loading = asyncio.create_task(one_by_one.aload_data(written(tmp_path, 0), fs=far))
        assert await asyncio.to_thread(opening.wait, PATIENCE)
        loading.cancel()
        await asyncio.wait([loading])
        may_open.set()

    asyncio.run(left())
    assert len(far.files) == 1
    assert far.open_now == 0
    assert listener.heard == []


def test_a_failure_that_is_raised(
    one_by_one: ApertisAudioReader, names: Names, listener: Listener, tmp_path: Path, load: Load
) -> None:
    """Whatever has set out is told of in the end; the failure is its recording's, and no other's.

    Nothing more is sent after it.
    """
    places = written(tmp_path, 0, "bad", *range(2, MANY))
    with pytest.raises(InvalidRequestError) as caught:
        load(one_by_one, places)
    told = ended(listener)
    assert started(listener) == sorted(told)
    assert (told.pop(places[0]), told.pop(places[1])) == (None, str(caught.value))
    assert set(told.values()) <= {UNFINISHED}
    assert len(names.received) <= 4


def test_a_place_that_is_missing(
    one_by_one: ApertisAudioReader, listener: Listener, tmp_path: Path, load: Load
) -> None:
    """That a place is not there is no failure of the recording before it."""
    places = [*written(tmp_path, 0), str(tmp_path / "gone.wav")]
    with pytest.raises(RecordingError, match="no file or folder"):
        load(one_by_one, places)
    assert started(listener) == [places[0]]
    assert ended(listener)[places[0]] in {None, UNFINISHED}


def test_two_of_one_name(one_by_one: ApertisAudioReader, listener: Listener, load: Load) -> None:
    """Two recordings of one name are told of as two."""
    assert len(load(one_by_one, [tiny(1), tiny(1)])) == 2
    ends = [each for each in listener.heard if isinstance(each, TranscriptionEndEvent)]
    assert [(each.source, each.error) for each in ends] == [("1.wav", None)] * 2
