"""Several spoken sounds of one format become one: coded anew only where nothing is lost by it.

mp3, aac and opus are joined by their packets, as they are. Each part keeps the few milliseconds of
silence that its encoder put before and after it, which are heard as a slightly longer pause. The
frames of a flac file are numbered and signed as a whole, so that these are coded anew, bit for bit
the same samples. wav and pcm are samples already.
"""

import contextlib
import struct
from collections.abc import Callable, Iterator
from fractions import Fraction
from types import TracebackType
from typing import Any, BinaryIO, Protocol, Self

import av
from av.audio.stream import AudioStream

from apertis_audio_tools.audio.cutting.wav_slices import SampleLayout, can_slice, sample_layout
from apertis_audio_tools.audio.input.ogg_chains import chain_links
from apertis_audio_tools.audio.input.packets import best_stream, codec_name
from apertis_audio_tools.audio.input.probing import open_container, probe
from apertis_audio_tools.audio.input.sources import open_source
from apertis_audio_tools.audio.timing.packet_durations import opus_samples
from apertis_audio_tools.errors import OutputError, RecordingError

_MUXERS = {"mp3": "mp3", "opus": "ogg", "aac": "adts", "flac": "flac"}
_OPTIONS = {"mp3": {"id3v2_version": "0"}, "opus": {"page_duration": "200000"}}
"""Nothing before the sound; and pages of 0.2 s, two of which the muxer holds back."""
_PCM_BLOCK = 2
"""Bytes of a headerless sample."""
_UNKNOWN = 0xFFFFFFFF
"""The sizes of a wav that is a stream, or too large to tell them: its samples go on to the end."""
_RIFF_SIZE, _DATA_SIZE, _RIFF_SIZE_BEGINS_AT = 4, 40, 8
_OPUS_RATE = 48_000
_PRE_SKIP = slice(10, 12)
_OPUS_SHAPE = (slice(9, 10), slice(16, None))
"""Where OpusHead has the samples to skip, and channels, gain, mapping (RFC 7845, section 5.1)."""


class OutputBuffer:
    """What was written since it was last asked; like a socket, it cannot seek."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def write(self, data: Any) -> int:
        """Keep a copy."""
        self._chunks.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        """All that came since the last time."""
        taken = b"".join(self._chunks)
        self._chunks.clear()
        return taken


class _Joint(Protocol):
    def add(self, sound: bytes) -> None: ...
    def finish(self) -> None: ...
    def close(self) -> None: ...


class Concatenation:
    """One sound made of several; a context manager, to be finished when all are in.

    Args:
        sound_format: mp3, opus, aac, flac, wav or pcm.
        file: Where to. If it can seek, its header tells the duration in the end; otherwise it is
            that of a stream, which does not know it.
    """

    def __init__(self, sound_format: str, file: BinaryIO | OutputBuffer) -> None:
        made: dict[str, Callable[[Any], _Joint]] = {"wav": _Waves, "pcm": _Samples}
        self._joint = (
            made[sound_format](file) if sound_format in made else _Muxed(sound_format, file)
        )

    def add(self, sound: bytes) -> None:
        """Append a sound.

        Raises:
            RecordingError: It is damaged, or of another sample rate or other channels than the
                first one.
        """
        with _explained():
            self._joint.add(sound)

    def finish(self) -> None:
        """Write what is still missing."""
        with _explained():
            self._joint.finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._joint.close()


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except av.error.InvalidDataError as error:
        raise RecordingError(f"The sound is damaged ({error.strerror}).") from error
    except OSError as error:
        raise OutputError(f"The sound cannot be written: {error.strerror or error}.") from error


class _Samples:
    """Samples without a header."""

    def __init__(self, file: BinaryIO | OutputBuffer) -> None:
        self._file = file

    def add(self, sound: bytes) -> None:
        if len(sound) % _PCM_BLOCK:
            raise RecordingError("The samples end with half of one.")
        self._file.write(sound)

    def finish(self) -> None:
        """There is nothing to add."""

    def close(self) -> None:
        """Nothing is held."""


class _Waves:
    """Samples behind one header."""

    def __init__(self, file: BinaryIO | OutputBuffer) -> None:
        self._file = file
        self._layout: SampleLayout | None = None
        self._size = 0

    def add(self, sound: bytes) -> None:
        found = _layout(sound)
        if self._layout is None:
            self._layout = found
            self._file.write(_sized(found.header(0), _UNKNOWN))
        _require_same(_shape(self._layout), _shape(found))
        size = found.frames * found.block
        self._file.write(memoryview(sound)[found.start : found.start + size])
        self._size += size

    def finish(self) -> None:
        if self._layout is None or isinstance(self._file, OutputBuffer):
            return
        header = self._layout.header(0)
        if self._size % 2:
            self._file.write(b"\0")
        end = self._file.tell()
        self._file.seek(end - self._size - self._size % 2 - len(header))
        self._file.write(_sized(header, self._size))
        self._file.seek(end)

    def close(self) -> None:
        """Nothing is held."""


def _layout(sound: bytes) -> SampleLayout:
    recording = probe(sound)
    if not can_slice(recording):
        raise RecordingError(f"A wav of {recording.codec} cannot be joined.")
    return sample_layout(recording)


def _shape(layout: SampleLayout) -> tuple[object, ...]:
    return layout.sample_rate, layout.channels, layout.codec


def _sized(header: bytes, size: int) -> bytes:
    """The header for so many bytes of samples; when they are too many to tell, that of a stream."""
    sized = bytearray(header)
    riff = size + len(header) - _RIFF_SIZE_BEGINS_AT
    is_known = riff <= _UNKNOWN
    struct.pack_into("<I", sized, _RIFF_SIZE, riff if is_known else _UNKNOWN)
    struct.pack_into("<I", sized, _DATA_SIZE, size if is_known else _UNKNOWN)
    return bytes(sized)


class _Muxed:
    """Packets, or for flac samples coded anew, in one container."""

    def __init__(self, sound_format: str, file: BinaryIO | OutputBuffer) -> None:
        self._format = sound_format
        self._file = file
        self._container: Any = None
        self._stream: Any = None
        self._shape: tuple[object, ...] = ()
        self._rate = 0
        self._at = 0
        self._held: Any = None

    def add(self, sound: bytes) -> None:
        for link in chain_links(open_source(sound)):
            with open_container(link) as source:
                stream = best_stream(source)
                if self._container is None:
                    self._begin(stream)
                _require_same(self._shape, self._shape_of(stream))
                if self._format == "flac":
                    self._encode(source.decode(stream))
                else:
                    self._copy(source.demux(stream))

    def finish(self) -> None:
        if self._container is None:
            return
        if self._format == "flac":
            self._container.mux(self._stream.encode(None))
        elif self._held is not None:
            self._mux_held(is_last=True)
        self.close()

    def close(self) -> None:
        if self._container is not None:
            self._container.close()
            self._container = None

    def _begin(self, stream: AudioStream) -> None:
        self._shape = self._shape_of(stream)
        self._rate = _OPUS_RATE if self._format == "opus" else stream.codec_context.sample_rate
        muxer, options = _MUXERS[self._format], _OPTIONS.get(self._format, {})
        self._container = av.open(self._file, "w", format=muxer, options=options)
        if self._format == "flac":
            codec = stream.codec_context
            self._stream = self._container.add_stream("flac", rate=self._rate)
            self._stream.codec_context.format = codec.format
            self._stream.codec_context.layout = codec.layout
            return
        self._stream = self._container.add_stream_from_template(stream)
        if self._format == "opus":
            head = stream.codec_context.extradata or b""
            self._at = -int.from_bytes(head[_PRE_SKIP], "little")

    def _shape_of(self, stream: AudioStream) -> tuple[object, ...]:
        codec = stream.codec_context
        head = codec.extradata or b""
        told = [head[part] for part in _OPUS_SHAPE] if self._format == "opus" else []
        return codec.sample_rate, codec.channels, codec_name(stream), codec.format.name, *told

    def _encode(self, frames: Iterator[Any]) -> None:
        for frame in frames:
            frame.pts, frame.time_base = self._at, Fraction(1, self._rate)
            self._at += frame.samples
            self._container.mux(self._stream.encode(frame))

    def _copy(self, packets: Iterator[Any]) -> None:
        """The last packet of all may be shorter than it says, so that one is always held back."""
        for packet in packets:
            if packet.size:
                if self._held is not None:
                    self._mux_held(is_last=False)
                self._held = packet

    def _mux_held(self, *, is_last: bool) -> None:
        packet, self._held = self._held, None
        said = round(packet.duration * packet.time_base * self._rate)
        whole = opus_samples(packet) if self._format == "opus" else said
        packet.stream = self._stream
        packet.time_base = Fraction(1, self._rate)
        packet.pts = packet.dts = self._at
        packet.duration = said if is_last else whole
        self._at += whole
        self._container.mux_one(packet)


def _require_same(first: tuple[object, ...], found: tuple[object, ...]) -> None:
    if first != found:
        raise RecordingError(
            f"Its parts differ: the first has {first[0]} Hz and {first[1]} channel(s) of "
            f"{first[2]}, another {found[0]} Hz and {found[1]} of {found[2]}."
        )
