"""Pieces being written: as a range of the recording, as bare packets, or into a container."""

from collections.abc import Callable, Sequence
from fractions import Fraction

import av
from av.audio.stream import AudioStream

from apertis_audio_tools.api.request import Upload
from apertis_audio_tools.audio.cutting.planning import Unit
from apertis_audio_tools.audio.input.byte_ranges import UploadSpool, byte_range
from apertis_audio_tools.audio.input.sources import SourceContent

FinishedPiece = tuple[Upload, Callable[[], None]]
"""What to send, and what frees it."""


def piece_file_name(label: str, suffix: str) -> str:
    """The file name of a piece: like its recording, with the extension of what it is."""
    stem = label.rpartition(".")[0] or "audio"
    return f"{stem}.{suffix}"


class RangeWriter:
    """Packets that follow one another in the recording: nothing is copied."""

    def __init__(self, content: SourceContent, name: str, media_type: str, first: Unit) -> None:
        self.start = first.start
        self.size = 0
        self._content = content
        self._name = name
        self._media_type = media_type
        self._from = first.item.pos

    def write(self, units: Sequence[Unit]) -> None:
        """Take packets in, with whatever lies between them."""
        if units:
            packet = units[-1].item
            self.size = packet.pos + packet.size - self._from

    def finish(self) -> FinishedPiece:
        """The range."""
        opened = byte_range(self._content, self._from, self.size)
        return Upload(self._name, self._media_type, self.size, opened), self.discard

    def discard(self) -> None:
        """Nothing was written, nothing is to be freed."""


class PacketWriter:
    """Packets one after another, as in an mp3 file."""

    def __init__(self, name: str, media_type: str, first: Unit) -> None:
        self.start = first.start
        self.size = 0
        self._name = name
        self._media_type = media_type
        self._spool = UploadSpool()

    def write(self, units: Sequence[Unit]) -> None:
        """Append packets."""
        for unit in units:
            self._spool.file.write(unit.item)
            self.size += unit.size

    def finish(self) -> FinishedPiece:
        """The file."""
        return self._spool.upload(self._name, self._media_type), self.discard

    def discard(self) -> None:
        """Give the disk space back."""
        self._spool.close()


class ContainerWriter:
    """Packets in a container.

    Args:
        stream: Where the packets come from.
        muxer: FFmpeg's name of the container.
        name: Of the file.
        media_type: Of the file.
        start: The tick of the first sample that is heard.
        zero: The tick whose time stamp is 0.
        rate: Ticks per second.
        size: Bytes of the container besides the units.
        extradata: What the decoder is told, where that differs from what the stream says.
    """

    def __init__(
        self,
        stream: AudioStream,
        *,
        muxer: str,
        name: str,
        media_type: str,
        start: int,
        zero: int,
        rate: int,
        size: int,
        extradata: bytes | None = None,
    ) -> None:
        self.start = start
        self.size = size
        self._zero = zero
        self._time_base = Fraction(1, rate)
        self._is_rebased = stream.time_base != self._time_base
        self._name = name
        self._media_type = media_type
        self._spool = UploadSpool()
        self._container = av.open(self._spool.file, "w", format=muxer)
        self._stream = self._container.add_stream_from_template(stream)
        if extradata is not None:
            self._stream.codec_context.extradata = extradata

    def write(self, units: Sequence[Unit]) -> None:
        """Append packets, with their time stamps."""
        stream, time_base, zero = self._stream, self._time_base, self._zero
        is_rebased = self._is_rebased
        mux = self._container.mux_one
        for packet, start, end, size in units:
            packet.stream = stream
            if is_rebased:  # setting fractions takes a quarter of what writing takes
                packet.time_base = time_base
            packet.pts = packet.dts = start - zero
            packet.duration = end - start
            mux(packet)
            self.size += size

    def finish(self) -> FinishedPiece:
        """The file."""
        self._container.close()
        return self._spool.upload(self._name, self._media_type), self._spool.close

    def discard(self) -> None:
        """Give the disk space back."""
        self._container.close()
        self._spool.close()
