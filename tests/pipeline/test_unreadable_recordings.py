"""Recordings that cannot be read to their end raise a RecordingError of their own."""

import errno
import io
from typing import Any, BinaryIO

import pytest

from apertis_audio_tools import RecordingError
from support.loopback_server import LoopbackServer
from support.sync_async import Run
from support.tiny_recordings import NameRecogniser, tiny_recording
from support.wav_files import silent_wav

MINUTE = silent_wav(60 * 32_000)


class FailingFile(io.BytesIO):
    """A file that raises OSError half-way."""

    def read(self, size: int | None = -1) -> bytes:  # noqa: D102  # as in any stream
        if self.tell() > 300_000:
            raise OSError(errno.EIO, "Input/output error")
        return super().read(size)


class ClosingFile(io.BytesIO):
    """A file that is closed while it is read."""

    def read(self, size: int | None = -1) -> bytes:  # noqa: D102
        if self.tell() > 300_000:
            self.close()
        return super().read(size)


REASONS = {FailingFile: "Input/output error", ClosingFile: "closed file"}


@pytest.mark.parametrize("kind", REASONS)
def test_one(run: Run, kind: type[io.BytesIO]) -> None:
    """The error names the recording and the reason."""
    with (
        LoopbackServer([]) as server,
        server.client() as audio,
        pytest.raises(RecordingError, match=rf"talk\.wav cannot be read: .*{REASONS[kind]}"),
    ):
        run(audio, "transcribe", ("talk.wav", kind(MINUTE)))


@pytest.mark.parametrize("kind", REASONS)
def test_one_of_many(run: Run, kind: type[io.BytesIO]) -> None:
    """The other recordings of a batch continue."""
    sources = [tiny_recording("a"), ("talk.wav", kind(MINUTE)), tiny_recording("b")]
    with LoopbackServer([NameRecogniser()]) as server, server.client() as audio:
        outcomes = run(audio, "transcribe_many", sources, on_error="skip")
    assert [type(outcome.error) for outcome in outcomes] == [type(None), RecordingError, type(None)]


def test_closed_too_early(run: Run) -> None:
    """Files that are closed when the next source is read are errors that name them."""

    def opened() -> Any:
        for _ in range(3):
            file: BinaryIO
            with io.BytesIO(MINUTE) as file:
                yield "talk.wav", file

    with LoopbackServer([NameRecogniser()]) as server, server.client() as audio:
        for outcome in run(audio, "transcribe_many", opened(), on_error="skip"):
            assert outcome.error is None or "talk.wav" in str(outcome.error)
