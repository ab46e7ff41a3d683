"""Streams of MPEG audio frames without a container: tags between frames, and changes of format."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, BinaryIO

from apertis_audio_tools.audio.input.tags import ID3V1_BYTES

ELEMENTARY_CONTAINERS = frozenset({"aac", "mp2", "mp3"})
"""Files that consist of frames, with tags before, behind and between them."""
FRAMED_CONTAINERS = ELEMENTARY_CONTAINERS | {"flac"}
"""Files whose frames follow one another, without a container around each."""
_FRAMED_CODECS = frozenset({"aac", "mp1", "mp2", "mp3"})
_HEAD_BYTES = 4
_SYNC, _SYNC_END = 0xFF, 0xE0
"""The eleven bits with which each frame begins."""
MAX_FRAME_BYTES = 2_881
"""Bytes of the longest frame of MPEG audio. More without a frame are no damaged frame."""

_RUN_PACKETS = 100
_MAX_INFO_BYTES = 64
"""Bytes of the first frame that hold the number of frames, if it holds no audio."""
_INFO_FIELDS = {b"Xing": 8, b"Info": 8, b"VBRI": 14}
"""Position of the number of frames behind each name (http://gabriel.mp3-tech.org/mp3infotag.html)."""
_UNCOUNTED_FRAMES = 2
"""Frames that writers count or do not count: the header itself, and the last one."""


class FormatChangeError(Exception):
    """The format of the frames changes, or bytes that are not audio lie in or between them."""


def is_frame(packet: Any) -> bool:
    """Return whether a packet begins like a frame of MPEG audio or AAC."""
    return _is_head(bytes(packet)[:_HEAD_BYTES])


def _is_head(head: bytes) -> bool:
    return len(head) == _HEAD_BYTES and head[0] == _SYNC and head[1] >= _SYNC_END


def watch_holes(packets: Iterator[Any], on_hole: Callable[[], None]) -> Iterator[Any]:
    """Yield the frames of a file, and call a function before those that follow anything else."""
    end = None
    for packet in packets:
        if end is not None and (packet.pos != end or not is_frame(packet)):
            on_hole()
        end = packet.pos + packet.size
        yield packet


class FrameSpan:
    """The bytes from the first frame of a file to its last."""

    def __init__(self) -> None:
        self._start: int | None = None
        self._end = self._count = 0

    def watch(self, packets: Iterator[Any]) -> Iterator[Any]:
        """Yield packets; raise `FormatChangeError` if something lies between two of them."""
        for packet in packets:
            if self._start is None:
                self._start = packet.pos
            elif packet.pos != self._end:
                raise FormatChangeError
            self._end = packet.pos + packet.size
            self._count += 1
            yield packet

    def is_whole(self, stream: BinaryIO, position: int, size: int) -> bool:
        """Return whether a file has nothing but frames, and a header that is right about them.

        Tags before `position` and an ID3v1 tag at the end are nothing that any decoder plays.
        """
        stream.seek(position)
        head = stream.read(_MAX_INFO_BYTES)
        claimed = _claimed_frames(head)
        return (
            head[:1] == bytes([_SYNC])
            and (self._start or 0) - position <= MAX_FRAME_BYTES
            and size - self._end <= ID3V1_BYTES
            and abs((claimed or self._count) - self._count) <= _UNCOUNTED_FRAMES
        )


def _claimed_frames(head: bytes) -> int | None:
    """Return the number of frames by the header in the first frame, if there is one."""
    for name, field in _INFO_FIELDS.items():
        at = head.find(name)
        if at > 0 and (name == b"VBRI" or head[at + 7 : at + 8] > b"\0"):
            return int.from_bytes(head[at + field : at + field + 4])
    return None


class FormatCheck:
    """Check that the sample rate and the channels of frames do not change.

    Decoders of the service, and those of players, may stop there or play on at a wrong speed.

    Attributes:
        holes: Number of frames so far that follow something else than a frame.
    """

    def __init__(self, codec: str) -> None:
        self.holes: int = 0
        self._has_headers = codec in _FRAMED_CODECS
        self._may_be_raw = codec == "aac"
        self._known = set[bytes]()
        self._format: tuple[int, ...] | None = None

    def count_same(self, packets: Sequence[Any]) -> int:
        """Return how many of the next packets there are before a change."""
        if not self._has_headers:
            return len(packets)
        heads = [bytes(packet)[:_HEAD_BYTES] for packet in packets]  # faster than views
        count = len(heads) if self._known.issuperset(heads) else self._count_new(heads)
        self._has_headers = self._format is not None or not self._may_be_raw
        return count

    def _count_new(self, heads: list[bytes]) -> int:
        for at, head in enumerate(heads):
            if head in self._known:
                continue
            if found := _frame_format(head):
                self._format = self._format or found
                if found != self._format:
                    return at
                self._known.add(head)
            elif self._format:
                self.holes += 1
        return len(heads)


def require_one_format(packets: Iterator[Any], codec: str) -> Iterator[Any]:
    """Yield packets; raise `FormatChangeError` if the sample rate or the channels change."""
    check = FormatCheck(codec)
    while run := list(islice(packets, _RUN_PACKETS)):
        count = check.count_same(run)
        yield from run[:count]
        if count < len(run):
            raise FormatChangeError


def _frame_format(head: bytes) -> tuple[int, ...] | None:
    """Return what stays the same in the headers of all frames, or None if it is no header."""
    if not _is_head(head):
        return None
    if head[1] & 0xF6 == 0xF0:  # noqa: PLR2004  # ADTS (ISO 13818-7): profile, rate, channels
        return head[1] & 8, head[2] & 0xFD, head[3] & 0xC0
    is_mono = head[3] >> 6 == 3  # noqa: PLR2004  # other modes may change from frame to frame
    return head[1] & 0x1E, head[2] & 0x0C, is_mono
