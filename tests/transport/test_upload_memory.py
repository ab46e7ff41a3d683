"""Memory that the upload of a large recording takes."""

import tracemalloc
from pathlib import Path

import pytest

from support.loopback_server import LoopbackServer
from support.scripted_responses import respond_json
from support.sync_async import Run
from support.wav_files import write_silent_wav

MEGABYTE = 1024 * 1024


@pytest.mark.slow
def test_upload(run: Run, tmp_path: Path) -> None:
    """The upload of a recording of 24 MB takes less than 8 MB of memory."""
    path = write_silent_wav(tmp_path / "long.wav", 24 * MEGABYTE)
    with LoopbackServer([respond_json({"text": "one"})]) as server, server.client() as audio:
        run(audio, "transcribe", path, upload_format="original")
        tracemalloc.start()
        try:
            run(audio, "transcribe", path, upload_format="original")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert server.requests[1].size > 24 * MEGABYTE
    assert peak < 8 * MEGABYTE
