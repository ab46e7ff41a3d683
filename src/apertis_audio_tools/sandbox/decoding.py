"""Uploaded bytes become 16 kHz mono samples, and nothing but those bytes is ever read."""

from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import av
from av.audio.frame import AudioFrame
from av.container import InputContainer

from apertis_audio_tools.sandbox.refusals import bad_audio

SAMPLE_RATE: Final = 16_000
BYTES_PER_SECOND: Final = SAMPLE_RATE * 2
MAX_SECONDS: Final = 6 * 3600
"""Ours: 25 MiB of the densest speech codec last 5 hours, but of sparse FLAC they last weeks."""

CONTAINERS: Final = "flac,mp3,mov,mpeg,ogg,wav,matroska,aac"
"""The documented ones: none is a playlist or a script, which would name further files."""

_LENIENT: Final[dict[str, Any]] = (
    {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}  # noqa: PLR2004
)
"""Until PyAV 19 a title that is not UTF-8 would make a good recording unreadable."""


def decode(file: BinaryIO, demuxers: str = CONTAINERS, param: str = "file") -> bytes:
    """Decode the first audio stream of an open file.

    Args:
        file: A readable, seekable binary file.
        demuxers: The containers it may be in, by FFmpeg's names.
        param: What a refusal names as the parameter at fault.

    Returns:
        Signed 16-bit little-endian mono samples at 16,000 Hz; damaged packets are left out.

    Raises:
        Refusal: 400 invalid_file_format when there is no audio that can be decoded.
    """
    options = {"format_whitelist": demuxers, "protocol_whitelist": "none"}
    pcm = bytearray()
    try:
        with av.open(file, "r", options=options, **_LENIENT) as container:
            for block in _samples(container):
                pcm += block
                if len(pcm) > MAX_SECONDS * BYTES_PER_SECOND:
                    raise bad_audio(f"The audio is longer than {MAX_SECONDS} seconds.", param)
    except (av.error.FFmpegError, _FormatChangedError):
        message = "The audio could not be decoded. It may be corrupted, or in another format."
        raise bad_audio(message, param) from None
    if not pcm:
        raise bad_audio("The file contains no audio.", param)
    return bytes(pcm)


class _FormatChangedError(Exception):
    pass


def _samples(container: InputContainer) -> Iterator[bytes]:
    resampler = av.AudioResampler("s16", "mono", SAMPLE_RATE, frame_size=SAMPLE_RATE)
    for frame in _frames(container):
        try:
            blocks = resampler.resample(frame)
        except ValueError:
            raise _FormatChangedError from None
        yield from map(_bytes, blocks)
    yield from map(_bytes, resampler.resample(None))


def _frames(container: InputContainer) -> Iterator[AudioFrame]:
    """The frames that can be decoded: damaged packets are left out, as services do."""
    if not container.streams.audio:
        return
    for packet in container.demux(container.streams.audio[0]):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            continue
        for frame in frames:
            frame.pts = None
            yield frame


def _bytes(frame: AudioFrame) -> bytes:
    return bytes(frame.planes[0])[: frame.samples * 2]
