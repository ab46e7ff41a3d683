"""Encode the audio of pieces: each when it is sent, so that several are encoded side by side."""

import contextlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from sys import maxsize
from typing import Literal, cast

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.packet import Packet

from apertis_audio_tools.api.request import Upload
from apertis_audio_tools.audio.cutting.planning import PieceLimits
from apertis_audio_tools.audio.cutting.units import Piece
from apertis_audio_tools.audio.cutting.writers import PieceSpool, piece_file_name
from apertis_audio_tools.audio.input.frames import decode_packets, resample_mono
from apertis_audio_tools.audio.input.lost_audio import LostAudio
from apertis_audio_tools.audio.input.sources import SourceContent
from apertis_audio_tools.audio.input.tracks import map_av_errors
from apertis_audio_tools.audio.input.wav_layout import WavLayout
from apertis_audio_tools.audio.timing.decoding import decode_file, without_gaps
from apertis_audio_tools.concurrency.fork_safety import ForkSafeLock
from apertis_audio_tools.errors import RecordingError

SAMPLE_RATE = 16_000
"""Hz. The models work at this rate, and the service advises it."""
_OVERHEAD_BYTES, _MAX_EXACT_GROWTH = 16_384, 1.01
"""Bytes of headers and tables of an encoded file, at most, and the factor by which noise grows
without loss."""
_FLAC_CODECS = frozenset({"pcm_u8", "pcm_s16le", "pcm_s24le"})
"""Samples that FLAC has. FFmpeg writes no more than 24 bits; what is companded or floating point is
something else."""
_FLAC_LAYOUTS = {"mono": "mono", "1 channels": "mono", "stereo": "stereo", "2 channels": "stereo"}
"""Its layouts of one and two channels, which recordings need not name."""
_FLAC_MAX_ODD_RATE, _FLAC_MAX_RATE = 65_535, 655_350
"""Hz that its header has, the higher ones in steps of 10 (RFC 9639, section 9.1.2)."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """A way to encode audio.

    Attributes:
        encoder: FFmpeg's name of the encoder.
        container: FFmpeg's name of the container, which is also the extension of the file.
        media_type: Media type, such as ``audio/mpeg``.
        sample_format: Format of the samples at 16 kHz in one channel, or an empty string to keep
            those of the recording.
        bit_rate: Bits per second; 0 for lossless.
        max_bit_rate: Bits per second that it takes at most, at 16 kHz in one channel.
        options: Options of the encoder.
    """

    encoder: Literal["flac", "libmp3lame", "libopus"]
    container: str
    media_type: str
    sample_format: str = ""
    bit_rate: int = 0
    max_bit_rate: int = 0
    options: dict[str, str] = field(default_factory=dict)


EXACT_FLAC = Encoding("flac", "flac", "audio/flac")
"""Every sample as it is, of recordings of up to 24 bits."""
FLAC = Encoding("flac", "flac", "audio/flac", "s16", 0, 272_000)
"""Without loss at 16 kHz: the models work at this rate, and hear nothing beyond 16 bits."""
MP3_32_KBIT = Encoding(
    "libmp3lame", "mp3", "audio/mpeg", "s16p", 32_000, 34_000, {"compression_level": "7"}
)
OPUS_24_KBIT = Encoding(
    "libopus",
    "ogg",
    "audio/ogg",
    "s16",
    24_000,
    64_000,
    {"application": "voip", "compression_level": "0"},
)
"""For slow lines, like `MP3_32_KBIT`. Recognition was measured to be as good, at a high speed."""


def is_exact_as_flac(layout: WavLayout) -> bool:
    """Return whether FLAC has every sample of a recording, and its sample rate and channels."""
    rate = layout.sample_rate
    return (
        layout.codec in _FLAC_CODECS
        and layout.channel_layout in _FLAC_LAYOUTS
        and (rate < _FLAC_MAX_ODD_RATE or (rate < _FLAC_MAX_RATE and rate % 10 == 0))
    )


def audio_limits(limits: PieceLimits, encoding: Encoding) -> PieceLimits:
    """Return limits on audio that keep what is made of it later within some limits.

    Raises:
        UnsupportedError: If the limit on the size is below a second.
    """
    size = limits.max_bytes - _OVERHEAD_BYTES
    if not encoding.max_bit_rate:
        return replace(limits, max_bytes=int(size / _MAX_EXACT_GROWTH))
    seconds = size * 8 / encoding.max_bit_rate
    if seconds < 1:
        raise limits.too_small_error()
    return replace(limits, max_bytes=maxsize, max_seconds=min(limits.max_seconds, seconds))


class EncodedUpload:
    """Audio that is encoded once, by the thread that first needs it.

    Args:
        label: Name of the recording.
        encoding: Encoding of the file.
        frames: Function that yields the audio.
        free: Function that frees what the frames are read from.
    """

    def __init__(
        self,
        label: str,
        encoding: Encoding,
        frames: Callable[[], Generator[AudioFrame]],
        free: Callable[[], None],
    ) -> None:
        self._label = label
        self._encoding = encoding
        self._frames = frames
        self._free_source = free
        self._spool: PieceSpool | None = None
        self._upload: Upload | None = None
        self._is_closed = False
        self._lock = ForkSafeLock()

    @property
    def is_encoded(self) -> bool:
        """True if the file is there."""
        return self._upload is not None

    @property
    def upload(self) -> Upload:
        """File to send, which is encoded if it is not there yet.

        Raises:
            RecordingError: If the recording cannot be read any more.
        """
        with self._lock:
            if self._upload is None:
                self._upload = self._encode()
            return self._upload

    def close(self) -> None:
        """Free the disk space."""
        with self._lock:
            self._is_closed = True
            self._free_source()
            if self._spool is not None:
                self._spool.close()

    def _encode(self) -> Upload:
        name = piece_file_name(self._label, self._encoding.container)
        if self._is_closed:
            raise RecordingError(f"{name} cannot be read any more: it is closed.")
        self._spool = PieceSpool()
        with map_av_errors(self._label), contextlib.closing(self._frames()) as frames:
            _write(self._spool, frames, self._encoding)
        self._free_source()
        size, opener, _ = self._spool.finish()
        return Upload(name, self._encoding.media_type, size, opener)


def encode_later(
    piece: Piece, label: str, encoding: Encoding, frames: Callable[[], Generator[AudioFrame]]
) -> Piece:
    """Return a piece whose audio, which `frames` yields, is encoded when it is sent.

    FLAC is encoded now: that is fast, and each thread that does it would keep several megabytes.
    """
    content = EncodedUpload(label, encoding, frames, piece.close)
    encoded = replace(piece, content=content, _free=content.close)
    if not encoding.bit_rate:
        encoded.encode()
    return encoded


def pcm_frames(upload: Upload, layout: WavLayout, start: int = 0) -> Generator[AudioFrame]:
    """Yield the uncompressed audio of a file from a position to its end."""
    decoder = cast("AudioCodecContext", AudioCodecContext.create(layout.codec, "r"))
    decoder.sample_rate = layout.sample_rate
    decoder.layout = _FLAC_LAYOUTS.get(layout.channel_layout, layout.channel_layout)
    missing = upload.size - start
    with upload.open() as stream:
        stream.seek(start)
        while missing:
            data = upload.read(stream, missing)
            missing -= len(data)
            yield from decode_packets(decoder, [Packet(data)])


def packet_frames(upload: Upload, lost: LostAudio, at: float) -> Generator[AudioFrame]:
    """Yield the audio of a file of copied packets, which begins at a second of a recording.

    What is damaged is added to `lost`.
    """
    content = SourceContent(upload.name, "", upload.size, upload.open)
    yield from without_gaps(decode_file(content, lost=lost, at=at))


def _write(spool: PieceSpool, frames: Iterator[AudioFrame], encoding: Encoding) -> None:
    if encoding.sample_format:
        frames = resample_mono(
            frames, SAMPLE_RATE, frame_size=SAMPLE_RATE, sample_format=encoding.sample_format
        )
    options = dict(encoding.options) | ({"b": str(encoding.bit_rate)} if encoding.bit_rate else {})
    stream, at = None, 0
    with av.open(spool.file, "w", format=encoding.container) as muxer:
        for frame in frames:
            if stream is None:
                stream = muxer.add_stream(
                    encoding.encoder, frame.sample_rate, layout=frame.layout.name, options=options
                )
                stream.codec_context.format = "s32" if frame.format.name == "s32" else "s16"
            frame.pts, frame.time_base = at, Fraction(1, frame.sample_rate)
            at += frame.samples
            muxer.mux(stream.encode(frame))
        if stream is not None:
            muxer.mux(stream.encode(None))
