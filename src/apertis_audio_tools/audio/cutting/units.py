"""The units of a track, and the pieces that are made of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Generic, NamedTuple, Protocol, TypeVar

from apertis_audio_tools.api.request import Upload
from apertis_audio_tools.audio.cutting.pauses import CutPoint
from apertis_audio_tools.audio.cutting.time_maps import TimeMap

Item = TypeVar("Item")


class Unit(NamedTuple, Generic[Item]):
    """A packet or block of samples, which is not cut.

    It lasts from the tick `start` to the tick `end`; `size` is the most bytes it takes.
    """

    item: Item
    start: int
    end: int
    size: int


class PendingUpload(Protocol):
    """File of a piece that is encoded when it is first needed."""

    @property
    def upload(self) -> Upload:
        """File to send, which is encoded now if it has not been."""

    @property
    def is_encoded(self) -> bool:
        """True if it has been encoded."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a recording that one request carries.

    Attributes:
        number: Number of the piece, counted from 0.
        start: Seconds on the recording's time line (0 is the first sample that a player plays)
            at which the first sample of the piece is. Some codecs begin with a few milliseconds
            that players skip, so that the first piece may start as far before 0.
        end: Seconds at which the piece ends.
        overlap: Seconds at its start that repeat the end of the piece before.
        content: The file to send, or the audio that is encoded into it.
        time_map: Where its audio is in the recording, if parts of that are left out; else None.
        is_whole: Whether it is the unchanged recording, so that no other piece follows.
    """

    number: int
    start: float
    end: float
    overlap: float
    content: Upload | PendingUpload
    _free: Callable[[], None] = field(default=lambda: None, repr=False, compare=False)
    time_map: TimeMap | None = None
    is_whole: bool = False

    @property
    def seconds(self) -> float:
        """Length of the audio that is sent."""
        return self.end - self.start if self.time_map is None else self.time_map.seconds

    @property
    def upload(self) -> Upload:
        """File to send, which is encoded now if it has not been."""
        return self.content if isinstance(self.content, Upload) else self.content.upload

    @property
    def is_encoded(self) -> bool:
        """True if nothing has to be encoded before the piece is sent."""
        return isinstance(self.content, Upload) or self.content.is_encoded

    def encode(self) -> None:
        """Encode the file to send, which `upload` does too.

        Raises:
            RecordingError: If the recording cannot be read any more.
        """
        _ = self.upload

    def close(self) -> None:
        """Free the disk space of the piece, which cannot be sent any more."""
        self._free()


class PieceFile(NamedTuple):
    """Size of a piece's file, and functions that open a new stream of it and free its space."""

    size: int
    open: Callable[[], BinaryIO]
    free: Callable[[], None]


class PieceWriter(Protocol[Item]):
    """A piece that is being written.

    Attributes:
        start: Tick of its first sample.
        size: Bytes of the piece if it were finished now.
    """

    start: int
    size: int

    def write(self, units: Sequence[Unit[Item]], /) -> None:
        """Append units."""

    def finish(self) -> PieceFile:
        """Return the file to send."""

    def discard(self) -> None:
        """Free what was written."""


class CuttableTrack(Protocol[Item]):
    """A track that can be cut between its units; `rate` is in ticks per second."""

    rate: int
    file_name: str
    media_type: str

    def begin(self, before: Sequence[Unit[Item]], first: Unit[Item], /) -> PieceWriter[Item]:
        """Begin a piece with a unit. The units before it may help its decoder to start."""

    def best_cut(self, units: Sequence[Unit[Item]], low: float, high: float, /) -> CutPoint:
        """Return the best place between two times, in seconds from where the units begin."""
