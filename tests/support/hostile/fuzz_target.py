"""What is done to a recording, however broken: each way ends in a right answer or a typed error."""

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
from apertis_audio_tools.audio.cutting.extent import measure_extent
from apertis_audio_tools.errors import RecordingError, UnsupportedError
from apertis_audio_tools.sandbox.audio_decoding import decode
from apertis_audio_tools.sandbox.error_responses import ErrorResponse

_TYPED = (RecordingError, UnsupportedError, ErrorResponse)
_MOST_PIECES = 50
"""As many are looked at; damage can make a second claim to be a year."""


def tried(data: bytes) -> list[str]:
    """What came of each way: ``fine``, or the error's name and sentence.

    Raises:
        Exception: Something that a user should never see.
    """
    return [_outcome(way, data) for way in WAYS.values()]


def _outcome(way: Callable[[bytes], None], data: bytes) -> str:
    try:
        way(data)
    except _TYPED as error:
        return f"{type(error).__name__}: {error}"
    return "fine"


def _probed(data: bytes) -> None:
    recording = probe(("a.mp3", data))
    assert math.isfinite(recording.duration)
    assert recording.duration >= 0
    assert recording.sample_rate > 0
    assert recording.channels > 0


def _measured(data: bytes) -> None:
    seconds = measure_extent(probe(data)).seconds
    assert math.isfinite(seconds)
    assert seconds >= 0


def _cut(data: bytes) -> None:
    _assert_right(probe(data), max_seconds=0.5)


def _cut_small(data: bytes) -> None:
    _assert_right(probe(data), max_bytes=max(len(data) // 2, 1))


def _shrunk(data: bytes) -> None:
    _assert_right(probe(data), upload_format="opus", max_seconds=5)


def _assert_right(recording: Recording, max_bytes: int = 10**8, **limits: object) -> None:
    found: list[Piece] = []
    made = cut_pieces(recording, max_bytes=max_bytes, **limits)  # type: ignore[arg-type]  # one of them
    for piece in made:
        with piece.upload.open() as stream:
            assert len(stream.read()) == piece.upload.size <= max_bytes
        assert math.isfinite(piece.start)
        assert piece.start <= piece.end
        found.append(piece)
        piece.close()
        if len(found) == _MOST_PIECES:
            made.close()
    for before, after in pairwise(found):
        assert before.start < after.start
        assert before.end <= after.start + after.overlap + 0.001


def _for_chat(data: bytes) -> None:
    upload, sent_as = encode_chat_clip(probe(data))
    with upload.open() as stream:
        assert len(stream.read()) == upload.size
    assert sent_as in {"wav", "mp3"}


def _identified(data: bytes) -> None:
    _, seconds = identify_speech(data, "mp3")
    assert math.isfinite(seconds)


def _decoded(data: bytes) -> None:
    assert decode(io.BytesIO(data))


WAYS: dict[str, Callable[[bytes], None]] = {
    "probe": _probed,
    "measure": _measured,
    "cut by time": _cut,
    "cut by size": _cut_small,
    "upload_format": _shrunk,
    "chat": _for_chat,
    "identify": _identified,
    "sandbox": _decoded,
}
