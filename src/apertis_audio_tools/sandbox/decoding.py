"""Uploaded bytes become 16 kHz mono samples, and nothing but those bytes is ever read."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer

from apertis_audio_tools.sandbox.refusals import bad_audio

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext

SAMPLE_RATE: Final = 16_000
BYTES_PER_SECOND: Final = SAMPLE_RATE * 2
MAX_SECONDS: Final = 6 * 3600
"""Ours: 25 MiB of the densest speech codec last 5 hours, but of sparse FLAC they last weeks."""

CONTAINERS: Final = "flac,mp3,mov,mpeg,ogg,wav,matroska,aac"
"""The documented ones: none is a playlist or a script, which would name further files."""

_DECODERS: Final = (
    "aac,ac3,adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,alac,amrnb,amrwb,eac3,flac,gsm,gsm_ms,libopus,mp1,"
    "mp1float,mp2,mp2float,mp3,mp3float,opus,pcm_alaw,pcm_dvd,pcm_f32be,pcm_f32le,pcm_f64be,"
    "pcm_f64le,pcm_mulaw,pcm_s16be,pcm_s16le,pcm_s24be,pcm_s24le,pcm_s32be,pcm_s32le,pcm_s8,pcm_u8,"
    "speex,tta,vorbis,wavpack,wmapro,wmav1,wmav2"
)
"""Of sound only: a cover picture of half a megabyte may unpack to a gigabyte."""

_OPTIONS: Final = {
    "codec_whitelist": _DECODERS,
    "protocol_whitelist": "none",
    "max_streams": "200",
}
"""For the container alone: PyAV before 17 crashes on MPEG files when each stream is given some."""

_DAMAGE: Final = (av.error.InvalidDataError, av.error.PatchWelcomeError, av.error.UndefinedError)
"""What decoders say of packets that make no sense."""

_LOWEST_RATE, _HIGHEST_RATE = 1_000, 1_536_000
"""Hz: to convert from any rate a head may name can take for ever."""

_MOST_CHANNELS: Final = 64

_LENIENT: Final[dict[str, Any]] = (
    {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}  # noqa: PLR2004
)
"""Until PyAV 19 a title that is not UTF-8 would make a good recording unreadable."""


def decode(file: BinaryIO, demuxers: str = CONTAINERS, param: str = "file") -> bytes:
    """Decode the audio stream of an open file that a player would choose.

    Args:
        file: A readable, seekable binary file.
        demuxers: The containers it may be in, by FFmpeg's names.
        param: What a refusal names as the parameter at fault.

    Returns:
        Signed 16-bit little-endian mono samples at 16,000 Hz; damaged packets are left out.

    Raises:
        Refusal: 400 invalid_file_format when there is no audio that can be decoded.
    """
    options = {"format_whitelist": demuxers, **_OPTIONS}
    pcm = bytearray()
    try:
        with av.open(file, "r", container_options=options, **_LENIENT) as container:
            for block in _samples(container):
                pcm += block
                if len(pcm) > MAX_SECONDS * BYTES_PER_SECOND:
                    raise bad_audio(f"The audio is longer than {MAX_SECONDS} seconds.", param)
    except (av.error.FFmpegError, _FormatChangedError, IndexError):
        # The last is PyAV's, of a packet of a stream that has begun since the file was opened.
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
    stream = container.streams.best("audio")
    if not isinstance(stream, AudioStream) or not _is_decodable(stream):
        return
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except _DAMAGE:
            continue
        for frame in frames:
            frame.pts = None
            yield frame


def _is_decodable(stream: AudioStream) -> bool:
    codec = cast("AudioCodecContext | None", stream.codec_context)
    return (
        codec is not None
        and codec.name in _DECODERS.split(",")
        and codec.channels <= _MOST_CHANNELS
        and _LOWEST_RATE <= codec.sample_rate <= _HIGHEST_RATE
    )


def _bytes(frame: AudioFrame) -> bytes:
    return bytes(frame.planes[0])[: frame.samples * 2]
