"""A recording may be a path, bytes or a file object, and is left unchanged."""

import io
import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from apertis_audio_tools import RecordingError
from apertis_audio_tools.audio import probe
from support.loopback_server import LoopbackServer
from support.scripted_responses import respond_json
from support.sync_async import Run

CLIP = Path(__file__).parents[2] / "clips" / "clip.mp3"
MP3 = CLIP.read_bytes()


class Pipe(io.RawIOBase):
    """A stream that cannot seek, like sockets and pipes."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:  # noqa: D102  # like any stream
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: D102
        return self._data.readinto(buffer)


def sent_twice(source: Any) -> tuple[str, bytes]:
    """Return the name and the bytes that are sent, read twice as for a second attempt."""
    upload = probe(source).upload()
    with upload.open() as first, upload.open() as second:
        data = first.read()
        assert data == second.read()
    assert len(data) == upload.size
    return upload.name, data


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (CLIP, "clip.mp3"),
        (str(CLIP), "clip.mp3"),
        (MP3, "audio.mp3"),
        (bytearray(MP3), "audio.mp3"),
        (memoryview(MP3), "audio.mp3"),
        (("standup.mp3", MP3), "standup.mp3"),
        (("standup.mp3", io.BytesIO(MP3)), "standup.mp3"),
        (("standup.mp3", Pipe(MP3)), "standup.mp3"),
        (("/home/someone/standup.mp3", MP3), "standup.mp3"),
        ((r"C:\Users\someone\standup.mp3", MP3), "standup.mp3"),
        (("", MP3), "audio.mp3"),
        (io.BytesIO(MP3), "audio.mp3"),
        (Pipe(MP3), "audio.mp3"),
        (io.BufferedReader(Pipe(MP3)), "audio.mp3"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_kinds_of_source(source: Any, name: str) -> None:
    """Every kind of source is sent whole, under a name without folders."""
    assert sent_twice(source) == (name, MP3)


def test_file_objects() -> None:
    """A file object is sent under its name, is left open, and keeps its position."""
    with CLIP.open("rb") as file:
        assert sent_twice(file) == ("clip.mp3", MP3)
        assert (file.closed, file.tell()) == (False, 0)
        assert sent_twice(file) == ("clip.mp3", MP3)
    with CLIP.open("rb", buffering=0) as raw:
        assert sent_twice(raw) == ("clip.mp3", MP3)


def test_current_position(tmp_path: Path) -> None:
    """A file object is sent from its current position each time, and keeps it."""
    path = tmp_path / "archive.bin"
    path.write_bytes(b"before it" + MP3)
    with path.open("rb") as file:
        file.seek(9)
        assert sent_twice(file) == ("archive.mp3", MP3)
        assert sent_twice(file) == ("archive.mp3", MP3)
        assert file.tell() == 9
        assert file.read() == MP3


def test_interrupted_sending() -> None:
    """A file object of which half was sent keeps its position, so that it can be sent again."""
    file = io.BytesIO(MP3)
    upload = probe(file).upload()
    upload.open().read(1000)
    assert file.tell() == 0
    assert sent_twice(file)[1] == MP3


def test_view_of_a_part() -> None:
    """A strided view is sent as the bytes it shows."""
    doubled = bytes(byte for byte in MP3 for _ in range(2))
    assert sent_twice(memoryview(doubled)[::2])[1] == MP3


def test_large_pipe() -> None:
    """A stream that cannot seek is kept on disk while needed, then deleted without a warning."""
    padded = MP3 + bytes(3_000_000)
    assert sent_twice(Pipe(padded)) == ("audio.mp3", padded)


def test_bytes_changed_later() -> None:
    """Later changes to a buffer are not sent."""
    buffer = bytearray(MP3)
    upload = probe(buffer).upload()
    buffer[:] = bytes(len(buffer))
    assert upload.open().read() == MP3


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("no/such/file.mp3", r"There is no file .*file\.mp3\.$"),
        ("https://host.example/a.mp3", "URLs are not fetched"),
        ("", "is a directory"),
        (CLIP.parent, "is a directory; a recording is a file"),
        (CLIP / "inside.mp3", "Not a directory"),
        ("a\0b.mp3", "null"),
        ("x" * 5000, "File name too long"),
        (b"", "the given bytes is empty"),
        (("a.mp3", b""), r"a\.mp3 is empty"),
        (io.BytesIO(b""), "is empty"),
        (Pipe(b""), "is empty"),
        (io.StringIO("text"), "does not return bytes; open it in binary mode"),
        (None, "not NoneType"),
        (42, "not int"),
        ([MP3], "not list"),
        ((), "not 0 values"),
        (("a.mp3", MP3, "audio/mpeg"), "not 3 values"),
        (("a.mp3", None), "not NoneType"),
        ((CLIP, CLIP), "several recordings go in a list"),
        ((str(CLIP), CLIP), "several recordings go in a list"),
        ((MP3, MP3), "several recordings go in a list"),
        ((io.BytesIO(MP3), MP3), "several recordings go in a list"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else type(value).__name__,
)
def test_invalid_sources(source: Any, message: str) -> None:
    """A value that is not a recording is refused with the reason."""
    with pytest.raises(RecordingError, match=message):
        probe(source)


@pytest.mark.parametrize(
    "call",
    [("transcribe",), ("translate",), ("chat", "What differs?"), ("stream_chat", "What differs?")],
    ids=lambda call: call[0],
)
@pytest.mark.parametrize("as_path", [str, Path])
def test_two_paths(run: Run, call: tuple[str, ...], as_path: Callable[[Path], Any]) -> None:
    """A tuple of two paths is refused, so that neither is dropped, and nothing is sent."""
    pair = (as_path(CLIP), as_path(CLIP.with_suffix(".ogg")))
    with (
        LoopbackServer([respond_json({})]) as server,
        server.client() as audio,
        pytest.raises(RecordingError, match="several recordings go in a list"),
    ):
        run(audio, *call, pair)
    assert server.requests == []


def test_file_object_at_its_end() -> None:
    """A file object that was read to its end is empty."""
    file = io.BytesIO(MP3)
    file.read()
    with pytest.raises(RecordingError, match="is empty"):
        probe(file)
    file.seek(10, os.SEEK_CUR)
    with pytest.raises(RecordingError, match="is empty"):
        probe(file)


def test_closed_file_object() -> None:
    """A closed file object is refused."""
    with CLIP.open("rb") as file:
        pass
    with pytest.raises(RecordingError, match=r"clip\.mp3 cannot be read: .*closed file"):
        probe(file)


def test_wrong_modes(tmp_path: Path) -> None:
    """A file that is open as text, or only for writing, is refused."""
    with CLIP.open() as text, pytest.raises(RecordingError, match="binary mode"):
        probe(cast("BinaryIO", text))
    with (
        (tmp_path / "new").open("wb") as new,
        pytest.raises(RecordingError, match="cannot be read"),
    ):
        probe(new)
    with (
        tempfile.NamedTemporaryFile("w+", dir=tmp_path) as text,
        pytest.raises(RecordingError, match="binary mode"),
    ):
        probe(cast("BinaryIO", text))


def test_partial_file_object() -> None:
    """An object with only a read method is refused, and the error names what it lacks."""

    class Reads:
        def read(self, size: int = -1) -> bytes:
            return MP3[: max(size, 0)]

    with pytest.raises(RecordingError, match="seekable"):
        probe(cast("BinaryIO", Reads()))


def test_empty_file(tmp_path: Path) -> None:
    """An empty file is refused, and the error names it."""
    (tmp_path / "empty.mp3").touch()
    with pytest.raises(RecordingError, match=r"^empty\.mp3 is empty\.$"):
        probe(tmp_path / "empty.mp3")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs here")
def test_fifo(tmp_path: Path) -> None:
    """A FIFO is refused as a path without waiting for a writer, and accepted as an open file."""
    fifo = tmp_path / "fifo.mp3"
    os.mkfifo(fifo)
    with pytest.raises(RecordingError, match="not a regular file"):
        probe(fifo)
    writer = threading.Thread(target=fifo.write_bytes, args=(MP3,))
    writer.start()
    with fifo.open("rb") as stream:
        assert sent_twice(stream) == ("fifo.mp3", MP3)
    writer.join()


@pytest.mark.parametrize("readable", [0, 1000])
def test_failing_stream(readable: int) -> None:
    """A stream that fails while it is read is refused with the reason."""

    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if size and self.tell() >= readable:
                raise OSError(5, "Input/output error")
            return super().read(min(size or 0, readable))

    with pytest.raises(RecordingError, match="cannot be read: Input/output error"):
        probe(Failing(MP3))


@pytest.mark.parametrize(
    ("name", "sent_name"),
    [
        (b"caf\xe9.mp3", "caf_.mp3"),
        ("会议 1.mp3".encode(), "会议 1.mp3"),
        (b"two\nlines\x1b.mp3", "two_lines_.mp3"),
        ("a\u202fb.mp3".encode(), "a\u202fb.mp3"),
    ],
)
@pytest.mark.skipif(os.name != "posix", reason="file names are bytes on POSIX only")
def test_any_file_name(name: bytes, sent_name: str, tmp_path: Path) -> None:
    """A file of any name can be sent, and its label can be encoded."""
    path = Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name)))  # noqa: PTH118  # of bytes
    try:
        path.write_bytes(MP3)
    except OSError:
        pytest.skip("this file system does not accept that name")
    assert sent_twice(path) == (sent_name, MP3)
    assert probe(path).label == sent_name
    path.write_bytes(b"junk")
    with pytest.raises(RecordingError) as caught:
        probe(path)
    assert str(caught.value).encode().startswith(sent_name.encode())


@pytest.fixture
def openers() -> list[Callable[[], BinaryIO]]:
    """Two uploads of one file object."""
    file = io.BytesIO(MP3)
    return [probe(file).upload().open, probe(("again.mp3", file)).upload().open]


def test_one_file_object_in_two_uploads(openers: list[Callable[[], BinaryIO]]) -> None:
    """Two uploads of one file object are both whole if they are read alternately."""
    with openers[0]() as first, openers[1]() as second:
        parts = [(first.read(700), second.read(700)) for _ in range(len(MP3) // 700 + 1)]
    assert b"".join(part for part, _ in parts) == MP3
    assert b"".join(part for _, part in parts) == MP3
