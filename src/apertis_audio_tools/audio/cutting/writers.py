"""Write pieces: as a range of the recording, as bare packets, or into a container."""

import functools
import os
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from operator import attrgetter
from typing import BinaryIO, cast

import av
from av.audio.stream import AudioStream

from apertis_audio_tools.audio.cutting.units import PieceFile, Unit
from apertis_audio_tools.audio.input.frame_headers import FormatChangeError
from apertis_audio_tools.audio.input.sources import SourceContent
from apertis_audio_tools.audio.input.stream_window import open_window
from apertis_audio_tools.audio.input.tracks import Packet
from apertis_audio_tools.concurrency.fork_safety import ForkSafeLock

PacketUnit = Unit[Packet]


def piece_file_name(label: str, suffix: str) -> str:
    """Return the file name of a piece: that of its recording, with another extension."""
    stem = label.rpartition(".")[0] or "audio"
    return f"{stem}.{suffix}"


class PieceSpool:
    """A temporary file without a name, which is gone with its last reader, even after a crash."""

    def __init__(self) -> None:
        self.file: BinaryIO = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115  # see close
        self._lock = ForkSafeLock()

    def finish(self) -> PieceFile:
        """Return what was written. Each attempt to send it has a stream of its own."""
        size = self.file.seek(0, os.SEEK_END)
        return PieceFile(size, functools.partial(self._open, size), self.close)

    def _open(self, size: int) -> BinaryIO:
        return open_window(self.file, 0, size, lock=self._lock)

    def close(self) -> None:
        """Free the disk space."""
        self.file.close()

    def __del__(self) -> None:
        if hasattr(self, "file"):  # no file, if none could be created
            self.close()


class RangeWriter:
    """Packets that follow one another in the recording, so that nothing is copied."""

    def __init__(self, content: SourceContent, first: PacketUnit) -> None:
        self.start: int = first.start
        self.size: int = 0
        self._content = content
        self._position = first.item.pos

    def write(self, units: Sequence[PacketUnit]) -> None:
        """Extend the range to the end of the last packet."""
        if units:
            packet = units[-1].item
            self.size = packet.pos + packet.size - self._position

    def finish(self) -> PieceFile:
        """Return the range."""
        window = self._content.window(self._position, self.size)
        return PieceFile(window.size, window.open, self.discard)

    def discard(self) -> None:
        """Do nothing, because nothing was written."""


class PacketWriter:
    """Packets one after another, as in an mp3 file."""

    def __init__(self, first: PacketUnit) -> None:
        self.start: int = first.start
        self.size: int = 0
        self._spool = PieceSpool()

    def write(self, units: Sequence[PacketUnit]) -> None:
        """Append packets."""
        self._spool.file.writelines(unit.item for unit in units)
        self.size += sum(map(attrgetter("size"), units))

    def finish(self) -> PieceFile:
        """Return the file."""
        return self._spool.finish()

    def discard(self) -> None:
        """Free the disk space."""
        self._spool.close()


class ContainerWriter:
    """Packets in a container.

    `start` is the tick of the first sample that is played, `zero` the tick whose time stamp is 0,
    and `size` the number of bytes of the container besides the units.
    """

    def __init__(
        self,
        stream: AudioStream,
        muxer: str,
        *,
        start: int,
        zero: int,
        rate: int,
        size: int,
        extradata: bytes | None = None,
    ) -> None:
        self.start: int = start
        self.size: int = size
        self._zero = zero
        self._time_base = Fraction(1, rate)
        # Muxers count samples, and leave packets that are written a second time in that unit.
        is_in_samples = rate == stream.codec_context.sample_rate
        self._is_rebased = stream.time_base != self._time_base or not is_in_samples
        self._spool = PieceSpool()
        self._muxer = av.open(self._spool.file, "w", format=muxer)
        self._stream = self._muxer.add_stream_from_template(stream)
        if extradata is not None:
            self._stream.codec_context.extradata = extradata

    def write(self, units: Sequence[PacketUnit]) -> None:
        """Append packets, with their time stamps.

        Raises:
            FormatChangeError: If the container does not take a packet, because it is damaged.
        """
        try:
            self._mux(units)
        except av.error.InvalidDataError as error:
            raise FormatChangeError from error

    def _mux(self, units: Sequence[PacketUnit]) -> None:
        stream, time_base, zero = self._stream, self._time_base, self._zero
        is_rebased = self._is_rebased
        mux = self._muxer.mux_one
        for packet, start, end, _ in units:
            packet.stream = stream
            if is_rebased:  # setting fractions takes a quarter of the time that writing takes
                packet.time_base = time_base
            packet.pts = packet.dts = start - zero
            packet.duration = end - start
            mux(packet)
        self.size += sum(map(attrgetter("size"), units))

    def finish(self) -> PieceFile:
        """Return the file."""
        self._muxer.close()
        return self._spool.finish()

    def discard(self) -> None:
        """Free the disk space."""
        self._muxer.close()
        self._spool.close()
