"""Cut recordings of any length into pieces that a model accepts."""

import contextlib
from collections.abc import Generator
from dataclasses import replace
from functools import partial
from itertools import chain

from apertis_audio_tools.audio.cutting.encoding import (
    EXACT_FLAC,
    FLAC,
    MP3_32_KBIT,
    OPUS_24_KBIT,
    Encoding,
    audio_limits,
    encode_later,
    is_exact_as_flac,
    packet_frames,
    pcm_frames,
)
from apertis_audio_tools.audio.cutting.planning import PieceLimits
from apertis_audio_tools.audio.cutting.reencoding import reencode_pieces
from apertis_audio_tools.audio.cutting.stream_copy import NotCopyableError, copy_pieces
from apertis_audio_tools.audio.cutting.units import Piece
from apertis_audio_tools.audio.cutting.wav_slices import slice_pieces
from apertis_audio_tools.audio.input.probing import Recording
from apertis_audio_tools.audio.input.tracks import map_av_errors
from apertis_audio_tools.audio.input.wav_layout import WAV_HEADER_BYTES, WavLayout
from apertis_audio_tools.audio.timing.extent import measure_extent
from apertis_audio_tools.errors import ConfigurationError, RecordingError
from apertis_audio_tools.models import UploadFormat

_REQUESTED_ENCODINGS: dict[UploadFormat, Encoding] = {"mp3": MP3_32_KBIT, "opus": OPUS_24_KBIT}
_MAX_SIZE_SHARE = 0.8
"""Size after re-encoding, as a share of the size before, above which it is not worth the time."""
_MIN_FLAC_BYTES = 1_000_000
"""Bytes of samples from which on FLAC is worth the time: it saves half of them, 40 ms of sending at
100 Mbit/s, and takes 10 ms."""
_COPIED_BIT_RATE = 128_000
"""Bits per second that a track in a film is taken to have."""


def cut_pieces(
    recording: Recording,
    *,
    max_bytes: int,
    max_seconds: float | None = None,
    target_seconds: float | None = None,
    upload_format: UploadFormat = "auto",
) -> Generator[Piece]:
    """Yield the unchanged recording if it is small enough, else pieces that end in pauses.

    Each piece is made when it is requested; none is held in memory. What is made smaller is encoded
    when its upload is first read, which threads may do side by side. Close a piece once it is sent,
    and the iterator if not all pieces are needed. Pieces of uncompressed and of mp3 recordings are
    ranges of the recording itself, which therefore must not be changed until they are sent.

    Args:
        recording: The recording.
        max_bytes: Largest size of a piece.
        max_seconds: Longest duration of a piece. Defaults to no limit.
        target_seconds: Approximate duration of a piece, which ends in a pause up to a third (but at
            most 30 s) before or after it. By default, a recording that has to be cut is cut into
            pieces of three to five minutes, the first eight of which are shorter.
        upload_format: Encoding of the pieces: ``mp3`` (32 kbit/s) and ``opus`` (24 kbit/s)
            re-encode at 16 kHz in one channel for a slow line (about 14 and 11 MB an hour), where
            that saves at least a fifth. ``original`` re-encodes only recordings that cannot be sent
            or cut otherwise. Defaults to ``auto``, which besides encodes uncompressed recordings of
            a megabyte or more as FLAC, sample by sample, if FLAC has all of it.

    Raises:
        ConfigurationError: If a limit is not above 0.
        RecordingError: If the recording cannot be read.
        UnsupportedError: If the limits are too tight to cut this recording anywhere.
    """
    limits = {
        "max_bytes": max_bytes,
        "max_seconds": max_seconds,
        "target_seconds": target_seconds,
    }
    for name, value in limits.items():
        if value is not None and not value > 0:
            raise ConfigurationError(f"{name} has to be above 0, not {value}.")
    whole = PieceLimits.from_options(max_bytes, max_seconds, target_seconds)
    cut = whole if target_seconds else whole.for_duration(recording.sent_seconds)
    encoding = _choose_encoding(recording, upload_format)
    pieces = _cut_or_whole(recording, whole, cut, encoding)
    return _require_audio(recording, pieces)


def _choose_encoding(recording: Recording, upload_format: UploadFormat) -> Encoding | None:
    """Return the encoding that saves something, or None."""
    if upload_format == "auto":
        return EXACT_FLAC if _is_exact_as_flac(recording) else None
    encoding = _REQUESTED_ENCODINGS.get(upload_format)
    if encoding is None or recording.voiced is not None:  # parts are encoded in any case
        return encoding
    size = encoding.bit_rate / 8 * recording.duration
    return encoding if size < recording.content.size * _MAX_SIZE_SHARE else None


def _is_exact_as_flac(recording: Recording) -> bool:
    """Return whether FLAC keeps every sample of a recording, and saves time worth mentioning."""
    layout = recording.wav_layout
    return (
        layout is not None
        and recording.voiced is None
        and layout.frames * layout.frame_bytes >= _MIN_FLAC_BYTES
        and is_exact_as_flac(layout)
    )


def _require_audio(recording: Recording, pieces: Generator[Piece]) -> Generator[Piece]:
    with map_av_errors(recording.label), contextlib.closing(pieces):
        first = next(pieces, None)
        if first is None:
            raise RecordingError(f"{recording.label} contains no audio that can be decoded.")
        for piece in chain((first,), pieces):
            start, end = piece.start + recording.start, piece.end + recording.start
            time_map = piece.time_map and piece.time_map.moved(recording.start)
            yield replace(piece, start=start, end=end, time_map=time_map)


def _cut_or_whole(
    recording: Recording, whole: PieceLimits, cut: PieceLimits, encoding: Encoding | None
) -> Generator[Piece]:
    """Yield the recording if it is within the limits of a whole one, else pieces within others."""
    if encoding is None and len(recording.links) == 1 and recording.voiced is None:
        piece = _whole(recording, whole)
        if piece is not None:
            yield piece
            return
    if encoding in (None, EXACT_FLAC) and _may_fit(recording, whole):
        cut = whole
    yield from _cut(recording, cut, encoding)


def _may_fit(recording: Recording, limits: PieceLimits) -> bool:
    """Return whether what is copied or encoded probably fits into one piece."""
    seconds = recording.sent_seconds
    size = seconds * FLAC.max_bit_rate / 8
    if recording.wav_layout is not None:
        size = recording.content.size
    elif recording.is_copyable:
        size = min(seconds * _COPIED_BIT_RATE / 8, recording.content.size)
    return size <= limits.max_bytes and seconds <= limits.max_seconds


def _whole(recording: Recording, limits: PieceLimits) -> Piece | None:
    """Return the unchanged recording as a piece, or None if it has to be cut or changed."""
    is_accepted = recording.is_accepted and recording.is_plain
    if not is_accepted or recording.content.size > limits.max_bytes:
        return None
    if recording.wav_layout is not None and not recording.wav_layout.has_plain_header:
        return None
    extent = measure_extent(recording)
    if extent.missing or not extent.is_plain or extent.seconds > limits.max_seconds:
        return None
    return Piece(0, 0.0, extent.seconds, 0.0, recording.upload(), is_whole=True)


def _cut(recording: Recording, limits: PieceLimits, encoding: Encoding | None) -> Generator[Piece]:
    """Yield pieces made in the cheapest way that is correct."""
    layout = recording.wav_layout
    if len(recording.links) > 1 or recording.voiced is not None:
        yield from reencode_pieces(recording, limits, encoding or FLAC)
    elif layout is not None:
        yield from _slice(recording, layout, limits, encoding)
    elif recording.is_copyable:
        yield from _copy_while_possible(recording, limits, encoding)
    else:
        yield from reencode_pieces(recording, limits, encoding or FLAC)


def _slice(
    recording: Recording, layout: WavLayout, limits: PieceLimits, encoding: Encoding | None
) -> Generator[Piece]:
    """Yield ranges of the samples, encoded if requested."""
    if encoding is None:
        yield from slice_pieces(recording, layout, limits)
        return
    for piece in slice_pieces(recording, layout, audio_limits(limits, encoding)):
        frames = partial(pcm_frames, piece.upload, layout, WAV_HEADER_BYTES)
        yield encode_later(piece, recording.label, encoding, frames)


def _copy_while_possible(
    recording: Recording, limits: PieceLimits, encoding: Encoding | None
) -> Generator[Piece]:
    """Yield copied pieces, encoded if requested, up to a gap or a change of format.

    From there on, they are decoded and encoded.
    """
    last: Piece | None = None
    copied = audio_limits(limits, encoding) if encoding else limits
    try:
        for last in copy_pieces(recording, copied):
            if encoding is None:
                yield last
            else:
                frames = partial(packet_frames, last.upload, recording.lost, last.start)
                yield encode_later(last, recording.label, encoding, frames)
    except NotCopyableError as error:
        yield from reencode_pieces(
            recording, limits, encoding or FLAC, begin=error.begin, after=last
        )
