"""Concatenate speech of one format, re-encoded only where that loses nothing.

The packets of mp3, aac and opus are copied. Each part keeps the few milliseconds of silence that
its encoder put before and after it, which sound like a slightly longer pause. The frames of a flac
file are numbered and signed as a whole, so that they are re-encoded to exactly the same samples.
wav and pcm consist of samples already.
"""

import contextlib
import struct
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import BinaryIO, Protocol, Self

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer

from apertis_audio_tools.audio.input.joined_files import divide_joined_files
from apertis_audio_tools.audio.input.probing import probe
from apertis_audio_tools.audio.input.screening import screen
from apertis_audio_tools.audio.input.sources import open_source
from apertis_audio_tools.audio.input.tracks import Packet, Track, open_track
from apertis_audio_tools.audio.input.wav_layout import MAX_WAV_BYTES, WavLayout
from apertis_audio_tools.audio.timing.packet_durations import OPUS_RATE, opus_samples
from apertis_audio_tools.errors import OutputError, RecordingError

_MUXERS = {"mp3": "mp3", "opus": "ogg", "aac": "adts", "flac": "flac"}
_MUXER_OPTIONS = {"mp3": {"id3v2_version": "0"}, "opus": {"page_duration": "200000"}}
"""No tags before the audio, and pages of 0.2 s, two of which the muxer holds back."""
_PCM_SAMPLE_BYTES = 2
_RIFF_SIZE_OFFSET, _DATA_SIZE_OFFSET, _RIFF_HEAD_BYTES = 4, 40, 8
_PRE_SKIP = slice(10, 12)
_OPUS_FORMAT = (slice(9, 10), slice(16, None))
"""The channels, gain and mapping in OpusHead (RFC 7845, section 5.1)."""

_Format = tuple[object, ...]
"""Sample rate, channels and codec of a part, and what else has to be equal in all parts."""


class OutputBuffer:
    """Bytes that were written and not taken yet. Like a socket, it cannot seek."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def write(self, data: bytes | memoryview) -> int:
        """Keep a copy of the bytes."""
        self._chunks.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        """Return all bytes that were written since the last call."""
        taken = b"".join(self._chunks)
        self._chunks.clear()
        return taken


class _Writer(Protocol):
    def add(self, audio: bytes) -> None: ...
    def finish(self) -> None: ...
    def close(self) -> None: ...


class Concatenation:
    """Speech that is put together from parts. A context manager, to be finished after the last.

    Args:
        audio_format: mp3, opus, aac, flac, wav or pcm.
        file: The file to write. If it can seek, its header gets the duration in the end; otherwise
            it is the header of a stream, which does not know its duration.
    """

    def __init__(self, audio_format: str, file: BinaryIO | OutputBuffer) -> None:
        writers: dict[str, Callable[[BinaryIO | OutputBuffer], _Writer]] = {
            "wav": _WavWriter,
            "pcm": _PcmWriter,
        }
        writer = writers.get(audio_format)
        self._writer = writer(file) if writer else _MuxedWriter(audio_format, file)

    def add(self, audio: bytes) -> None:
        """Append a part.

        Raises:
            RecordingError: If the part is damaged, or its sample rate or channels differ from those
                of the first one.
        """
        with _map_errors():
            self._writer.add(audio)

    def finish(self) -> None:
        """Write what is still missing."""
        with _map_errors():
            self._writer.finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()


@contextlib.contextmanager
def _map_errors() -> Iterator[None]:
    try:
        yield
    except av.error.InvalidDataError as error:
        raise RecordingError(f"The audio is damaged ({error.strerror}).") from error
    except OSError as error:
        raise OutputError(f"The audio cannot be written: {error.strerror or error}.") from error


class _PcmWriter:
    """Samples without a header."""

    def __init__(self, file: BinaryIO | OutputBuffer) -> None:
        self._file = file

    def add(self, audio: bytes) -> None:
        if len(audio) % _PCM_SAMPLE_BYTES:
            raise RecordingError("The samples end with half of one.")
        self._file.write(audio)

    def finish(self) -> None:
        """Do nothing, because there is no header."""

    def close(self) -> None:
        """Do nothing, because nothing is held."""


class _WavWriter(_PcmWriter):
    """Samples after one header."""

    def __init__(self, file: BinaryIO | OutputBuffer) -> None:
        super().__init__(file)
        self._layout: WavLayout | None = None
        self._size = 0

    def add(self, audio: bytes) -> None:
        layout = _require_layout(audio)
        if self._layout is None:
            self._layout = layout
            self._file.write(_set_sizes(layout.header(0), MAX_WAV_BYTES))
        _require_same(_wav_format(self._layout), _wav_format(layout))
        size = layout.frames * layout.frame_bytes
        self._file.write(memoryview(audio)[layout.start : layout.start + size])
        self._size += size

    def finish(self) -> None:
        if self._layout is None or isinstance(self._file, OutputBuffer):
            return
        header = self._layout.header(0)
        if self._size % 2:
            self._file.write(b"\0")
        end = self._file.tell()
        self._file.seek(end - self._size - self._size % 2 - len(header))
        self._file.write(_set_sizes(header, self._size))
        self._file.seek(end)


def _require_layout(audio: bytes) -> WavLayout:
    recording = probe(audio)
    if recording.wav_layout is None:
        raise RecordingError(f"A wav file of {recording.codec} cannot be concatenated.")
    return recording.wav_layout


def _wav_format(layout: WavLayout) -> _Format:
    return layout.sample_rate, layout.channels, layout.codec


def _set_sizes(header: bytes, size: int) -> bytes:
    """Return the header for a number of bytes, or that of a stream if the number is too large."""
    sized = bytearray(header)
    riff_size = size + len(header) - _RIFF_HEAD_BYTES
    is_known = riff_size <= MAX_WAV_BYTES
    struct.pack_into("<I", sized, _RIFF_SIZE_OFFSET, riff_size if is_known else MAX_WAV_BYTES)
    struct.pack_into("<I", sized, _DATA_SIZE_OFFSET, size if is_known else MAX_WAV_BYTES)
    return bytes(sized)


class _MuxedWriter:
    """Packets, or re-encoded samples of flac, in one container."""

    _stream: AudioStream

    def __init__(self, audio_format: str, file: BinaryIO | OutputBuffer) -> None:
        self._audio_format = audio_format
        self._file = file
        self._muxer: OutputContainer | None = None
        self._format: _Format = ()
        self._rate = 0
        self._position = 0
        self._held: Packet | None = None

    def add(self, audio: bytes) -> None:
        for link in divide_joined_files(screen(open_source(audio)), "ogg"):
            with open_track(link) as track:
                muxer = self._muxer or self._begin(track)
                _require_same(self._format, self._format_of(track))
                if self._audio_format == "flac":
                    self._encode(muxer, track.demuxer.decode(track.stream))
                else:
                    self._copy(muxer, track.demuxer.demux(track.stream))

    def finish(self) -> None:
        if self._muxer is None:
            return
        if self._audio_format == "flac":
            self._muxer.mux(self._stream.encode(None))
        elif self._held is not None:
            self._mux(self._muxer, self._held, is_last=True)
        self.close()

    def close(self) -> None:
        if self._muxer is not None:
            self._muxer.close()
            self._muxer = None

    def _begin(self, track: Track) -> OutputContainer:
        decoder = track.decoder
        self._format = self._format_of(track)
        self._rate = OPUS_RATE if self._audio_format == "opus" else decoder.sample_rate
        options = _MUXER_OPTIONS.get(self._audio_format, {})
        muxer = self._muxer = av.open(
            self._file, "w", format=_MUXERS[self._audio_format], options=options
        )
        if self._audio_format == "flac":
            stream = muxer.add_stream("flac", rate=self._rate)
            stream.codec_context.format = decoder.format
            stream.codec_context.layout = decoder.layout
        else:
            stream = muxer.add_stream_from_template(track.stream)
        if self._audio_format == "opus":
            self._position = -int.from_bytes(track.extradata[_PRE_SKIP], "little")
        self._stream = stream
        return muxer

    def _format_of(self, track: Track) -> _Format:
        decoder = track.decoder
        fields = _OPUS_FORMAT if self._audio_format == "opus" else ()
        headers = [track.extradata[part] for part in fields]
        return decoder.sample_rate, decoder.channels, track.codec, decoder.format.name, *headers

    def _encode(self, muxer: OutputContainer, frames: Iterator[AudioFrame]) -> None:
        for frame in frames:
            frame.pts, frame.time_base = self._position, Fraction(1, self._rate)
            self._position += frame.samples
            muxer.mux(self._stream.encode(frame))

    def _copy(self, muxer: OutputContainer, packets: Iterator[Packet]) -> None:
        """Copy packets, and hold the last one back, because the very last may be shortened."""
        for packet in packets:
            if packet.size:
                if self._held is not None:
                    self._mux(muxer, self._held, is_last=False)
                self._held = packet

    def _mux(self, muxer: OutputContainer, packet: Packet, *, is_last: bool) -> None:
        claimed = round(packet.duration * packet.time_base * self._rate)
        samples = opus_samples(packet) if self._audio_format == "opus" else claimed
        packet.stream = self._stream
        packet.time_base = Fraction(1, self._rate)
        packet.pts = packet.dts = self._position
        packet.duration = claimed if is_last else samples
        self._position += samples
        muxer.mux_one(packet)


def _require_same(first: _Format, other: _Format) -> None:
    if first != other:
        raise RecordingError(
            f"Its parts differ: the first has {first[0]} Hz and {first[1]} channel(s) of "
            f"{first[2]}, another {other[0]} Hz and {other[1]} of {other[2]}."
        )
