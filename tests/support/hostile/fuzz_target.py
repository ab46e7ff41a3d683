"""Checks of a recording, however broken: each ends in a right result or a typed error."""

import io
import math
from collections.abc import Callable
from itertools import pairwise

from apertis_audio_tools.audio import (
    Piece,
    Recording,
    cut_pieces,
    encode_chat_clip,
    identify_speech,
    probe,
)
from apertis_audio_tools.audio.timing.extent import measure_extent
from apertis_audio_tools.errors import RecordingError, UnsupportedError
from apertis_audio_tools.sandbox.audio_decoding import decode
from apertis_audio_tools.sandbox.error_responses import ErrorResponse

_TYPED_ERRORS = (RecordingError, UnsupportedError, ErrorResponse)
_MAX_PIECES = 50
"""Pieces that are checked. Damage can make a second claim to be a year."""


def check_all(data: bytes) -> list[str]:
    """Return the outcome of each check: ``fine``, or the name and message of a typed error.

    Raises:
        Exception: If there is an error that a user should never see.
    """
    return [outcome(check, data) for check in CHECKS.values()]


def outcome(check: Callable[[bytes], None], data: bytes) -> str:
    """Return ``fine``, or the name and message of a typed error."""
    try:
        check(data)
    except _TYPED_ERRORS as error:
        return f"{type(error).__name__}: {error}"
    return "fine"


def _check_probe(data: bytes) -> None:
    recording = probe(("a.mp3", data))
    assert math.isfinite(recording.duration)
    assert recording.duration >= 0
    assert recording.sample_rate > 0
    assert recording.channels > 0


def _check_extent(data: bytes) -> None:
    seconds = measure_extent(probe(data)).seconds
    assert math.isfinite(seconds)
    assert seconds >= 0


def _check_cut_by_time(data: bytes) -> None:
    _assert_pieces(probe(data), max_seconds=0.5)


def _check_cut_by_size(data: bytes) -> None:
    _assert_pieces(probe(data), max_bytes=max(len(data) // 2, 1))


def _check_upload_format(data: bytes) -> None:
    _assert_pieces(probe(data), upload_format="opus", max_seconds=5)


def _assert_pieces(recording: Recording, max_bytes: int = 10**8, **limits: object) -> None:
    checked: list[Piece] = []
    pieces = cut_pieces(recording, max_bytes=max_bytes, **limits)  # type: ignore[arg-type]  # one of them
    for piece in pieces:
        with piece.upload.open() as stream:
            assert len(stream.read()) == piece.upload.size <= max_bytes
        assert math.isfinite(piece.start)
        assert piece.start <= piece.end
        checked.append(piece)
        piece.close()
        if len(checked) == _MAX_PIECES:
            pieces.close()
    for before, after in pairwise(checked):
        assert before.start < after.start
        assert before.end <= after.start + after.overlap + 0.001


def _check_chat(data: bytes) -> None:
    upload, sent_as = encode_chat_clip(probe(data))
    with upload.open() as stream:
        assert len(stream.read()) == upload.size
    assert sent_as in {"wav", "mp3"}


def _check_identify(data: bytes) -> None:
    _, seconds = identify_speech(data, "mp3")
    assert math.isfinite(seconds)


def _check_sandbox(data: bytes) -> None:
    assert decode(io.BytesIO(data))


CHECKS: dict[str, Callable[[bytes], None]] = {
    "probe": _check_probe,
    "measure": _check_extent,
    "cut by time": _check_cut_by_time,
    "cut by size": _check_cut_by_size,
    "upload_format": _check_upload_format,
    "chat": _check_chat,
    "identify": _check_identify,
    "sandbox": _check_sandbox,
}
