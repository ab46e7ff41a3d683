"""Recordings of any length as pieces that a model accepts."""

import contextlib
from collections.abc import Generator

from apertis_audio_tools.audio.cutting.extent import measure_extent
from apertis_audio_tools.audio.cutting.planning import Piece, PieceLimits
from apertis_audio_tools.audio.cutting.reencoding import (
    CLEAR,
    LOSSLESS,
    SMALL,
    Encoding,
    reencode_pieces,
)
from apertis_audio_tools.audio.cutting.stream_copy import can_copy, copy_pieces
from apertis_audio_tools.audio.cutting.wav_slices import can_slice, slice_pieces
from apertis_audio_tools.audio.input.packets import best_stream
from apertis_audio_tools.audio.input.probing import Recording, map_av_errors, open_container
from apertis_audio_tools.audio.timing.gaps import TimeGapError
from apertis_audio_tools.errors import ConfigurationError, RecordingError
from apertis_audio_tools.models import UploadFormat

_LOSSLESS = ("pcm_", "flac", "alac", "wavpack", "tta", "ape", "dsd_")
_WORTH_IT = 0.8
"""What shrinking has to come to, as a share of the size; else it only costs."""


def cut_pieces(
    recording: Recording,
    *,
    max_bytes: int,
    max_seconds: float | None = None,
    target_seconds: float | None = None,
    upload_format: UploadFormat = "auto",
) -> Generator[Piece]:
    """The recording as it is where it fits, else in pieces that end in pauses.

    Each piece is made when it is asked for; none is held in memory. Close a piece once it is sent,
    and the iterator if not all are wanted. Pieces of uncompressed and of mp3 recordings are ranges
    of the recording itself, which therefore has to stay until they are sent.

    Args:
        recording: What to cut.
        max_bytes: No piece is larger.
        max_seconds: No piece lasts longer.
        target_seconds: How long pieces should be, about: each ends in a pause up to a third (but at
            most 30 s) before or after it. Without it, a recording that has to be cut is cut into
            eight, or pieces of five to fifteen minutes.
        upload_format: ``mp3`` (32 kbit/s) or ``opus`` (24 kbit/s) re-encode at 16 kHz mono for a
            slow line (about 14 and 11 MB an hour), where that saves at least a fifth.

    Raises:
        ConfigurationError: A limit is not above 0.
        RecordingError: The recording cannot be read.
        UnsupportedError: The limits are too tight to cut this recording anywhere.
    """
    given = {
        "max_bytes": max_bytes,
        "max_seconds": max_seconds,
        "target_seconds": target_seconds,
    }
    for name, value in given.items():
        if value is not None and not value > 0:
            raise ConfigurationError(f"{name} has to be above 0, not {value}.")
    limits = PieceLimits.of(max_bytes, max_seconds, target_seconds)
    return _at_least_one(recording, _pieces(recording, limits, SMALL.get(upload_format)))


def _at_least_one(recording: Recording, found: Generator[Piece]) -> Generator[Piece]:
    with map_av_errors(recording.label), contextlib.closing(found):
        first = next(found, None)
        if first is None:
            raise RecordingError(f"{recording.label} holds no sound that can be decoded.")
        yield first
        yield from found


def _pieces(
    recording: Recording, limits: PieceLimits, smaller: Encoding | None
) -> Generator[Piece]:
    """The cheapest way that is correct, found out when the first piece is asked for."""
    parts = recording.parts()
    if smaller is not None and _is_worth_it(recording, smaller):
        yield from reencode_pieces(recording, parts, limits.shared(recording.duration), smaller)
    elif len(parts) > 1:
        yield from reencode_pieces(recording, parts, limits.shared(recording.duration), CLEAR)
    elif (whole := _whole(recording, limits)) is not None:
        yield whole
    else:
        yield from _cut(recording, limits.shared(recording.duration))


def _whole(recording: Recording, limits: PieceLimits) -> Piece | None:
    """The recording as it is, unless it cannot be sent as it is."""
    if not recording.is_accepted or recording.content.size > limits.size:
        return None
    seconds, missing = measure_extent(recording)
    if missing or seconds > limits.seconds:
        return None
    return Piece(0, 0.0, seconds, 0.0, recording.upload())


def _cut(recording: Recording, limits: PieceLimits) -> Generator[Piece]:
    if can_slice(recording):
        yield from slice_pieces(recording, limits)
    elif _can_copy(recording):
        yield from _copied(recording, limits)
    else:
        lossless = recording.codec.startswith(_LOSSLESS)
        yield from reencode_pieces(
            recording, [recording.content], limits, LOSSLESS if lossless else CLEAR
        )


def _copied(recording: Recording, limits: PieceLimits) -> Generator[Piece]:
    """Copied up to where something is missing, which only decoders can fill."""
    last: Piece | None = None
    try:
        for last in copy_pieces(recording, limits):
            yield last
    except TimeGapError:
        yield from reencode_pieces(recording, [recording.content], limits, CLEAR, after=last)


def _is_worth_it(recording: Recording, smaller: Encoding) -> bool:
    return smaller.bit_rate / 8 * recording.duration < recording.content.size * _WORTH_IT


def _can_copy(recording: Recording) -> bool:
    with open_container(recording.content) as container:
        return can_copy(best_stream(container))
