"""Decode uploaded recordings to 16 kHz mono samples; nothing but the uploaded bytes is read."""

from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO, Final, TypedDict, cast

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer

from apertis_audio_tools.sandbox.audio_screening import screen
from apertis_audio_tools.sandbox.error_responses import invalid_file_format
from apertis_audio_tools.sandbox.opening_limits import ImplausibleError

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext

SAMPLE_RATE: Final = 16_000
BYTES_PER_SECOND: Final = SAMPLE_RATE * 2
MAX_SECONDS: Final = 6 * 3600
"""A limit of the sandbox: 25 MiB of the densest speech codec last 5 hours, of sparse FLAC weeks."""

CONTAINERS: Final = "flac,mp3,mov,mpeg,ogg,wav,matroska,aac"
"""The documented containers. None is a playlist or a script, which would name other files."""

_DECODERS: Final = (
    "aac,ac3,adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,alac,amrnb,amrwb,eac3,flac,gsm,gsm_ms,libopus,mp1,"
    "mp1float,mp2,mp2float,mp3,mp3float,opus,pcm_alaw,pcm_dvd,pcm_f32be,pcm_f32le,pcm_f64be,"
    "pcm_f64le,pcm_mulaw,pcm_s16be,pcm_s16le,pcm_s24be,pcm_s24le,pcm_s32be,pcm_s32le,pcm_s8,pcm_u8,"
    "speex,tta,vorbis,wavpack,wmapro,wmav1,wmav2"
)
"""Audio decoders only: a cover picture of half a megabyte may unpack to a gigabyte."""

_OPTIONS: Final = {
    "codec_whitelist": _DECODERS,
    "protocol_whitelist": "none",
    "max_streams": "200",
}
"""Options of the container only: PyAV before 17 crashes on MPEG files with options per stream."""

_MIN_RATE, _MAX_RATE = 1_000, 1_536_000
"""Sample rates in Hz; a header may name rates that take forever to resample."""

_MAX_CHANNELS: Final = 64


class _TextOptions(TypedDict, total=False):
    metadata_errors: str


_TEXT_OPTIONS: Final[_TextOptions] = (
    {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}  # noqa: PLR2004
)
"""Before PyAV 19, a title that is not UTF-8 would make a good recording unreadable."""


def decode(file: BinaryIO, demuxers: str = CONTAINERS, param: str = "file") -> bytes:
    """Decode the audio stream that a player would choose; damaged packets are left out.

    Args:
        file: Readable, seekable binary file.
        demuxers: Permitted containers, by FFmpeg's names. Defaults to the documented ones.
        param: Parameter at fault that an error names. Defaults to ``file``.

    Returns:
        Signed 16-bit little-endian mono samples at 16,000 Hz.

    Raises:
        ErrorResponse: 400 invalid_file_format if there is no audio that can be decoded.
    """
    # Without its index, which serves to seek, and which takes hours if it is in disorder.
    options = {"format_whitelist": demuxers, "fflags": "ignidx", **_OPTIONS}
    pcm = BytesIO()  # its content is handed over without a copy
    try:
        upload = screen(file)
        with av.open(upload, "r", container_options=options, **_TEXT_OPTIONS) as container:
            upload.finish_opening()
            for block in _decode_samples(container):
                pcm.write(block)
                if pcm.tell() > MAX_SECONDS * BYTES_PER_SECOND:
                    raise invalid_file_format(
                        f"The audio is longer than {MAX_SECONDS} seconds.", param
                    )
    except (av.error.FFmpegError, _FormatChangedError, ImplausibleError, IndexError):
        # PyAV raises IndexError for packets of a stream that has begun since the file was opened.
        message = "The audio could not be decoded. It may be corrupted, or in another format."
        raise invalid_file_format(message, param) from None
    if not pcm.tell():
        raise invalid_file_format("The file contains no audio.", param)
    return pcm.getvalue()


class _FormatChangedError(Exception):
    pass


def _decode_samples(container: InputContainer) -> Iterator[bytes]:
    resampler = av.AudioResampler("s16", "mono", SAMPLE_RATE, frame_size=SAMPLE_RATE)
    for frame in _decode_frames(container):
        try:
            blocks = resampler.resample(frame)
        except ValueError:
            raise _FormatChangedError from None
        yield from map(_bytes, blocks)
    yield from map(_bytes, resampler.resample(None))


def _decode_frames(container: InputContainer) -> Iterator[AudioFrame]:
    """Yield the frames that can be decoded; damaged packets are left out, as services do."""
    stream = container.streams.best("audio")
    if not isinstance(stream, AudioStream) or not _is_decodable(stream):
        return
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.error.FFmpegError:  # a damaged packet, with whatever number
            continue
        for frame in frames:
            frame.pts = None
            yield frame


def _is_decodable(stream: AudioStream) -> bool:
    codec = cast("AudioCodecContext | None", stream.codec_context)
    return (
        codec is not None
        and codec.name in _DECODERS.split(",")
        and codec.channels <= _MAX_CHANNELS
        and _MIN_RATE <= codec.sample_rate <= _MAX_RATE
    )


def _bytes(frame: AudioFrame) -> bytes:
    return bytes(frame.planes[0])[: frame.samples * 2]
