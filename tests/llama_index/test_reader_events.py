"""A reader emits events about its recordings and closes the files it opened."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]

from apertis_audio_tools import InvalidRequestError, RecordingError
from apertis_audio_tools.llama_index import (
    ApertisAudioReader,
    TranscriptionEndEvent,
    TranscriptionStartEvent,
)
from apertis_audio_tools.llama_index.load_tracking import UNFINISHED
from support.contract.llama_index_calls import EventRecorder, record_instrumentation
from support.contract.llama_index_readers import Load
from support.loopback_server import LoopbackServer
from support.timeouts import TIMEOUT
from support.tiny_recordings import NameRecogniser, tiny_recording
from support.wav_files import silent_wav

COUNT = 12


@pytest.fixture
def recorder() -> Iterator[EventRecorder]:
    """Record the events during the test."""
    with record_instrumentation() as (events, _):
        yield events


def test_events(
    recorder: EventRecorder, reader: ApertisAudioReader, monday: Path, load: Load
) -> None:
    """Each recording has a start event and an end event, without the key."""
    load(reader, monday)
    start, end = recorder.events
    assert isinstance(start, TranscriptionStartEvent)
    assert isinstance(end, TranscriptionEndEvent)
    assert start.source == end.source == str(monday)
    assert (end.documents, end.model, end.error) == (4, "auto", None)
    assert end.duration == pytest.approx(40, abs=0.1)
    assert "sk-payg-1234" not in start.model_dump_json() + end.model_dump_json()


def test_span(beacon_url: str, monday: Path, load: Load) -> None:
    """Reading is a span that names the task and the model; it has no recording and no key."""
    reader = ApertisAudioReader(api_key="sk-payg-1234", base_url=beacon_url, model="whisper-1")
    with record_instrumentation() as (_, spans):
        load(reader, monday.read_bytes())
    assert spans.names == ["load_recordings"]
    assert "'gen_ai.request.model': 'whisper-1'" in spans.as_text()
    assert "sk-payg-1234" not in spans.as_text()
    assert "\\x00" not in spans.as_text()
    assert not spans.open_spans


def test_span_of_a_failure(beacon_url: str, tmp_path: Path, load: Load) -> None:
    """The span of a load that fails ends with its error."""
    reader = ApertisAudioReader(api_key="sk-payg-1234", base_url=beacon_url)
    (tmp_path / "broken.mp3").write_bytes(b"no audio")
    with record_instrumentation() as (_, spans), pytest.raises(RecordingError) as caught:
        load(reader, tmp_path / "broken.mp3")
    assert repr(caught.value) in spans.as_text().partition("dropped: ")[2]


def test_events_without_a_name(
    recorder: EventRecorder, reader: ApertisAudioReader, monday: Path, load: Load
) -> None:
    """The end event of a recording without a name has the source of its documents."""
    documents = load(reader, monday.read_bytes())
    start, end = recorder.events
    assert isinstance(start, TranscriptionStartEvent)
    assert isinstance(end, TranscriptionEndEvent)
    assert start.source == ""
    assert {each.metadata["source"] for each in documents} == {end.source}


def test_failures(recorder: EventRecorder, beacon_url: str, tmp_path: Path, load: Load) -> None:
    """The end event of a skipped recording has the error."""
    (tmp_path / "a.mp3").write_bytes(b"no audio")
    reader = ApertisAudioReader(api_key="sk-payg-1234", base_url=beacon_url, on_error="skip")
    load(reader, tmp_path)
    end = recorder.events[-1]
    assert isinstance(end, TranscriptionEndEvent)
    assert "not on the list of formats" in (end.error or "")


class CountingFileSystem(LocalFileSystem):  # type: ignore[misc]  # fsspec has no types
    """The local file system, which counts open files."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.files: list[Any] = []
        self.max_open = 0

    def open(self, *args: Any, **options: Any) -> Any:
        """Open a file and count it."""
        self.files.append(super().open(*args, **options))
        self.max_open = max(self.max_open, self.open_count)
        return self.files[-1]

    @property
    def open_count(self) -> int:
        """Number of files that are open."""
        return sum(not file.closed for file in self.files)


@pytest.fixture
def file_system() -> CountingFileSystem:
    """Return a file system that the reader takes for a remote one."""
    return CountingFileSystem(skip_instance_cache=True)


@pytest.fixture
def names() -> NameRecogniser:
    """Return a server behaviour that responds with the names of recordings."""
    return NameRecogniser()


@pytest.fixture
def sequential_reader(names: NameRecogniser) -> Iterator[ApertisAudioReader]:
    """Yield a reader that sends one request at a time."""
    with (
        LoopbackServer([names]) as server,
        server.client(max_concurrency=1, max_retries=0) as client,
    ):
        yield ApertisAudioReader(client=client)


def write_recordings(folder: Path, *names: object) -> list[str]:
    """Write silent recordings and return their paths."""
    paths = [folder / f"{name}.wav" for name in names]
    for path in paths:
        path.write_bytes(silent_wav(3200))
    return [str(path) for path in paths]


def start_sources(recorder: EventRecorder) -> list[str]:
    return sorted(e.source for e in recorder.events if isinstance(e, TranscriptionStartEvent))


def end_errors(recorder: EventRecorder) -> dict[str, str | None]:
    ends = [e for e in recorder.events if isinstance(e, TranscriptionEndEvent)]
    errors = {end.source: end.error for end in ends}
    assert len(errors) == len(ends)
    return errors


def test_few_open_files(
    sequential_reader: ApertisAudioReader,
    file_system: CountingFileSystem,
    tmp_path: Path,
    load: Load,
) -> None:
    """A file of another file system is closed as soon as its documents are there."""
    documents = load(sequential_reader, write_recordings(tmp_path, *range(COUNT)), fs=file_system)
    assert [document.text for document in documents] == [str(number) for number in range(COUNT)]
    assert len(file_system.files) == COUNT
    assert file_system.max_open <= 3
    assert file_system.open_count == 0


def test_open_files_after_an_error(
    sequential_reader: ApertisAudioReader,
    file_system: CountingFileSystem,
    tmp_path: Path,
    load: Load,
) -> None:
    """After an error, no file is open."""
    with pytest.raises(InvalidRequestError):
        load(
            sequential_reader,
            write_recordings(tmp_path, 0, "bad", *range(2, COUNT)),
            fs=file_system,
        )
    assert file_system.files
    assert file_system.open_count == 0


def test_open_files_after_stopping(
    sequential_reader: ApertisAudioReader,
    file_system: CountingFileSystem,
    recorder: EventRecorder,
    tmp_path: Path,
) -> None:
    """If reading stops early, no file is open, and pending recordings end as unfinished."""
    documents = sequential_reader.lazy_load_data(
        write_recordings(tmp_path, *range(COUNT)), fs=file_system
    )
    assert next(documents).text == "0"
    documents.close()
    assert 0 < len(file_system.files) < COUNT
    assert file_system.open_count == 0
    assert start_sources(recorder) == sorted(end_errors(recorder))
    assert set(end_errors(recorder).values()) <= {None, UNFINISHED}


def test_file_opened_too_late(
    sequential_reader: ApertisAudioReader, recorder: EventRecorder, tmp_path: Path
) -> None:
    """A file that is being opened when reading stops is closed once it is open."""
    opening, may_open = threading.Event(), threading.Event()

    class SlowFileSystem(CountingFileSystem):
        def open(self, *args: Any, **options: Any) -> Any:
            opening.set()
            assert may_open.wait(TIMEOUT)
            return super().open(*args, **options)

    file_system = SlowFileSystem(skip_instance_cache=True)

    async def cancel_loading() -> None:
        loading = asyncio.create_task(
            sequential_reader.aload_data(write_recordings(tmp_path, 0), fs=file_system)
        )
        assert await asyncio.to_thread(opening.wait, TIMEOUT)
        loading.cancel()
        await asyncio.wait([loading])
        may_open.set()

    asyncio.run(cancel_loading())
    assert len(file_system.files) == 1
    assert file_system.open_count == 0
    assert recorder.events == []


def test_raised_error(
    sequential_reader: ApertisAudioReader,
    names: NameRecogniser,
    recorder: EventRecorder,
    tmp_path: Path,
    load: Load,
) -> None:
    """Every recording ends, the failed one with the error; no further request is sent."""
    paths = write_recordings(tmp_path, 0, "bad", *range(2, COUNT))
    with pytest.raises(InvalidRequestError) as caught:
        load(sequential_reader, paths)
    errors = end_errors(recorder)
    assert start_sources(recorder) == sorted(errors)
    assert (errors.pop(paths[0]), errors.pop(paths[1])) == (None, str(caught.value))
    assert set(errors.values()) <= {UNFINISHED}
    assert len(names.received) <= 4


def test_missing_path(
    sequential_reader: ApertisAudioReader, recorder: EventRecorder, tmp_path: Path, load: Load
) -> None:
    """The error about a missing path is not reported for the recording before it."""
    paths = [*write_recordings(tmp_path, 0), str(tmp_path / "gone.wav")]
    with pytest.raises(RecordingError, match="no file or folder"):
        load(sequential_reader, paths)
    assert start_sources(recorder) == [paths[0]]
    assert end_errors(recorder)[paths[0]] in {None, UNFINISHED}


def test_equal_names(
    sequential_reader: ApertisAudioReader, recorder: EventRecorder, load: Load
) -> None:
    """Two recordings of one name have an end event each."""
    assert len(load(sequential_reader, [tiny_recording(1), tiny_recording(1)])) == 2
    ends = [each for each in recorder.events if isinstance(each, TranscriptionEndEvent)]
    assert [(each.source, each.error) for each in ends] == [("1.wav", None)] * 2
