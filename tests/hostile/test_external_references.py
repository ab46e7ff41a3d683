"""Recordings that name other files or addresses: only the given bytes are ever read."""

import contextlib
import io
import socket
import sys
import threading
from pathlib import Path
from typing import Self

import av
import pytest

from support.hostile.external_references import scripts, targets
from support.hostile.file_open_watch import FileOpenWatch
from support.hostile.fuzz_target import check_all
from support.hostile.samples import samples

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="watches files as Linux does")


class Listener:
    """A server that counts connections and closes them."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        port: int = self._socket.getsockname()[1]
        self.address = f"127.0.0.1:{port}"
        self.contacts = 0
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            contact, _ = self._socket.accept()
            with contact:
                if contact.recv(4) == b"stop":
                    return
                self.contacts += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening, after all connections are counted."""
        host, port = self.address.split(":")
        with socket.create_connection((host, int(port))) as contact:
            contact.sendall(b"stop")
        self._thread.join()
        self._socket.close()


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """Return a recording on disk that could be read."""
    path = tmp_path / "marker.wav"
    path.write_bytes(samples()["wav"])
    return path


def test_nothing_else_is_read(marker: Path) -> None:
    """No script makes anything read a file or connect to an address, under any name."""
    with FileOpenWatch(marker) as watch, Listener() as listener:
        for name, data in scripts(marker, listener.address).items():
            assert "fine" not in check_all(data), name
            assert watch.count() == 0, name
    assert listener.contacts == 0


@pytest.mark.parametrize(
    ("name", "demuxer", "options"),
    [
        ("ffconcat path", None, {"safe": "0"}),
        ("ffconcat subfile:", None, {"safe": "0"}),
        ("ffconcat concat:", None, {"safe": "0"}),
        ("m3u8 path", "hls", {"allowed_extensions": "ALL", "extension_picky": "0"}),
    ],
)
def test_scripts_would_work(
    name: str, demuxer: str | None, options: dict[str, str], marker: Path
) -> None:
    """FFmpeg follows such scripts when it is allowed to, so that refusing them matters."""
    allowed = {"protocol_whitelist": "file,crypto,data,subfile,concat", **options}
    script = io.BytesIO(scripts(marker, "127.0.0.1:1")[name])
    with FileOpenWatch(marker) as watch:
        with contextlib.suppress(av.FFmpegError):
            av.open(script, "r", format=demuxer, container_options=allowed).close()
        assert watch.count() > 0


def test_addresses_would_be_called() -> None:
    """FFmpeg connects to addresses when it is allowed to."""
    with Listener() as listener, pytest.raises(av.FFmpegError):
        av.open(targets(Path(), listener.address)["http:"], "r")
    assert listener.contacts == 1
