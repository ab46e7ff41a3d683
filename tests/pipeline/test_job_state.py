"""The state of a job: its first failure counts, and a stopped job cuts nothing more."""

from collections.abc import Iterator
from typing import Any

import pytest

from apertis_audio_tools import RecordingError, ServerError
from apertis_audio_tools.api.options import TranscriptionOptions
from apertis_audio_tools.audio import Piece, cut_pieces
from apertis_audio_tools.models import Capabilities
from apertis_audio_tools.pipeline.job_factory import JobContext, JobFactory
from apertis_audio_tools.pipeline.job_state import JobState, StoppedError
from apertis_audio_tools.pipeline.recording_jobs import open_job
from support.piece_recogniser import STANDUP
from support.standup_pieces import PIECE_SECONDS


def test_the_first_failure_is_reported() -> None:
    """Of several pieces that fail, the first one decides the error of the job."""
    state = JobState()
    first, second = ServerError("first"), RecordingError("second")
    for error in (first, second):
        with state.catching_failure():
            raise error
    with pytest.raises(ServerError, match="first") as caught:
        state.raise_failure()
    assert caught.value is first


def test_being_stopped_is_no_failure() -> None:
    """A piece that was only stopped does not hide the error that stopped it."""
    state = JobState()
    with state.catching_failure():
        raise StoppedError("stopped")
    assert state.failure is None
    assert not state.stop.is_set


def test_nothing_is_cut_after_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that is stopped between two pieces does not cut the second one."""
    cut: list[Piece] = []

    def counted(*args: Any, **options: Any) -> Iterator[Piece]:
        for piece in cut_pieces(*args, **options):
            cut.append(piece)
            yield piece

    monkeypatch.setattr("apertis_audio_tools.pipeline.transcription_job.cut_pieces", counted)
    context = JobContext(Capabilities(), cache=None, base_url="http://127.0.0.1/v1")
    factory = JobFactory.create(TranscriptionOptions(piece_seconds=PIECE_SECONDS), context)
    job = open_job(factory, STANDUP)
    state = JobState()
    requests = job.requests(state)
    request = next(requests)
    state.stop.set()
    assert next(requests, None) is None
    assert len(cut) == 1
    request.piece.close()
