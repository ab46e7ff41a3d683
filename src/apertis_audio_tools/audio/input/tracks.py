"""The audio tracks of an open recording, and the packets in one of them."""

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple, cast

import av
import av.stream
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.container import InputContainer

from apertis_audio_tools.audio.input.allowlist import DECODERS, DEMUXER_OPTIONS, name_refused_format
from apertis_audio_tools.audio.input.frame_headers import (
    ELEMENTARY_CONTAINERS,
    MAX_FRAME_BYTES,
    is_frame,
)
from apertis_audio_tools.audio.input.mp4_edit_lists import duration_without_priming, sample_codecs
from apertis_audio_tools.audio.input.opening_limits import OpeningStream
from apertis_audio_tools.audio.input.sources import SourceContent, unreadable_error
from apertis_audio_tools.errors import RecordingError

Packet = Any
"""An `av.Packet`, whose type hints differ between the versions of PyAV."""

_TAG_OPTIONS: dict[str, Any] = (
    {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}  # noqa: PLR2004
)
"""Options that let tags be other than UTF-8, which PyAV 19 does by itself."""
MIN_SAMPLE_RATE, MAX_SAMPLE_RATE = 1_000, 1_536_000
"""Hz, beyond any recording. Resampling from any rate in a header can take for ever."""
_MAX_CHANNELS = 64
"""More than any codec has but the uncompressed ones, whose headers may claim anything."""
_DAMAGE_ERRORS = (
    av.error.InvalidDataError,
    av.error.PatchWelcomeError,
    av.error.PermissionError,
    av.error.UndefinedError,
)
"""Errors of demuxers about damaged places. -1 is the number of a missing permission."""
_MAX_FAILURES = 100
"""Attempts to read on after a damaged place before the rest is given up."""
_DISCARD = getattr(av.stream, "Discard", None)
"""Setting that makes FFmpeg skip a stream. PyAV has it since version 17."""
_TRANSPORT_DEMUXERS = frozenset({"mpeg", "mpegts"})
"""Containers that say what a track is only where its audio begins."""
_LATE_AUDIO_OPTIONS = {"probesize": str(32 << 20), "analyzeduration": "120000000"}
"""Bytes and microseconds that FFmpeg reads, and holds in memory, to find audio that begins late."""
_FIRST_PACKETS = 32
"""Packets of which one has the earliest time stamp. Pictures are stored out of order."""
_ATTACHED_PICTURE = av.stream.Disposition.attached_pic
_HEAD_BYTES = 64
MICROSECONDS = 1_000_000

_COPYABLE_CODECS = frozenset({"aac", "mp2", "mp3", "opus", "vorbis"})
_OPUS_HEAD_BYTES = 19
"""Bytes that an OpusHead has at least (RFC 7845, section 5.1)."""


class TrackInfo(NamedTuple):
    """An audio track, as its container describes it.

    Attributes:
        codec: FFmpeg's name of the codec, or an empty string if it does not know it.
        language: Language as it is in the file, such as ``eng``, or an empty string.
        title: Title, or an empty string.
        is_default: Whether the file says that players should choose it.
        is_decodable: Whether it can be decoded.
    """

    codec: str
    language: str
    title: str
    is_default: bool
    is_decodable: bool


@dataclass(frozen=True, slots=True)
class Track:
    """One audio track of an open recording.

    Attributes:
        label: Name of the recording in messages.
        demuxer: FFmpeg's view of the recording. It skips all other streams.
        stream: The audio stream.
        index: Index of the track among the audio tracks.
        tracks: All audio tracks.
        zero: Time stamp in seconds that a player shows as 0, the earliest of all streams, or None
            if FFmpeg does not know it before it has decoded the picture.
        container: Name of the container, such as ``mp3``, ``ogg``, ``mp4`` or ``webm``.
        codec: FFmpeg's canonical name of the codec, whichever of its decoders is used.
        edited_seconds: Duration by an MP4 edit list that hides only priming, or None.
        sample_codecs: Codecs of its samples by an MP4 file; several if its format changes midway.
    """

    label: str
    demuxer: InputContainer
    stream: AudioStream
    index: int
    tracks: tuple[TrackInfo, ...]
    zero: float | None
    container: str
    codec: str
    edited_seconds: float | None
    sample_codecs: tuple[str, ...]

    @property
    def is_alone(self) -> bool:
        """True if the recording holds nothing else, except pictures of its cover."""
        return all(
            stream.index == self.stream.index or _ATTACHED_PICTURE in stream.disposition
            for stream in self.demuxer.streams
        )

    @property
    def has_one_format(self) -> bool:
        """True if all of it has the same codec, sample rate and channels, as far as is known."""
        return len(self.sample_codecs) <= 1

    @property
    def decoder(self) -> AudioCodecContext:
        """The decoder of the track."""
        return self.stream.codec_context

    @property
    def extradata(self) -> bytes:
        """Headers of the codec that are stored in the container."""
        return self.decoder.extradata or b""

    @property
    def is_copyable(self) -> bool:
        """True if packets can be copied to another file and their exact durations are known."""
        is_complete = self.codec != "opus" or len(self.extradata) >= _OPUS_HEAD_BYTES
        return self.codec in _COPYABLE_CODECS and is_complete and self.has_one_format

    def packets(self, on_damage: Callable[[], None] = lambda: None) -> Iterator[Packet]:
        """Yield the packets that hold audio, including those after a damaged place.

        `on_damage` is called at such a place.

        Raises:
            av.error.InvalidDataError: If there are only errors and no packets any more.
        """
        failures = 0
        longest = MAX_FRAME_BYTES if self.container in ELEMENTARY_CONTAINERS else sys.maxsize
        while True:
            try:
                for packet in self.demuxer.demux(self.stream):
                    if 0 < packet.size <= longest or is_frame(packet):
                        failures = 0
                        yield packet
            except _DAMAGE_ERRORS:
                failures += 1
                if failures > _MAX_FAILURES:
                    raise
                on_damage()
            except IndexError:
                continue  # a packet of a stream that has begun since, which PyAV does not know
            else:
                return


@contextlib.contextmanager
def open_track(content: SourceContent, index: int | None = None) -> Iterator[Track]:
    """Open an audio track of a recording.

    Args:
        content: The recording.
        index: Index among its audio tracks. Defaults to the first with the default disposition of
            those that can be decoded, or else the first of them.

    Raises:
        RecordingError: If there is no such track that can be decoded, or the recording is damaged.
    """
    label = content.label
    with content.open() as stream, map_av_errors(label):
        head = stream.read(_HEAD_BYTES)
        if refused := name_refused_format(head):
            raise RecordingError(
                f"{label} is {refused}, which is not on the list of formats; convert it, for "
                f"example to flac."
            )
        edited_seconds = duration_without_priming(stream, content.size)
        stream.seek(0)
        opening = OpeningStream(stream, content)
        with _open_demuxer(opening, has_plain_edits=edited_seconds is not None) as demuxer:
            opening.finish_opening()
            tracks = tuple(map(_describe, demuxer.streams.audio))
            index = _require_track(tracks, label, index)
            audio = demuxer.streams.audio[index]
            _discard_others(demuxer, audio)
            zero = cast("int | None", demuxer.start_time)
            container = _container_name(demuxer.format.name, audio.codec_context.name, head)
            yield Track(
                label,
                demuxer,
                audio,
                index,
                tracks,
                None if zero is None else zero / MICROSECONDS,
                container,
                audio.codec_context.codec.canonical_name,
                edited_seconds,
                _sample_codecs(content, index) if container == "mp4" else (),
            )


def _sample_codecs(content: SourceContent, index: int) -> tuple[str, ...]:
    with content.open() as stream:
        return sample_codecs(stream, content.size, index)


def first_stamp(content: SourceContent) -> float:
    """Return the earliest time stamp in seconds of what a player plays, or 0 if there is none."""
    with content.open() as stream, map_av_errors(content.label):
        opening = OpeningStream(stream, content)
        with _open_demuxer(opening, has_plain_edits=False) as demuxer:
            opening.finish_opening()
            return _earliest_stamp(demuxer)


def _earliest_stamp(demuxer: InputContainer) -> float:
    stamps = list[float]()
    with contextlib.suppress(IndexError):  # see `Track.packets`
        stamps += (
            float(packet.pts * packet.time_base)
            for packet in islice(demuxer.demux(), _FIRST_PACKETS)
            if packet.pts is not None and packet.stream.type in {"audio", "video"}
        )
    return min(stamps, default=0.0)


def stamped_seconds(packets: Iterable[Packet]) -> float | None:
    """Return the seconds from the first time stamp to the end of the last packet, if any."""
    first, end = None, 0.0
    for packet in packets:
        if packet.pts is not None:
            unit = float(packet.time_base)
            first = packet.pts * unit if first is None else first
            end = max(end, (packet.pts + (packet.duration or 0)) * unit)
    return None if first is None else max(end - first, 0.0)


@contextlib.contextmanager
def map_av_errors(label: str) -> Iterator[None]:
    """Raise errors of FFmpeg and of reading as `RecordingError`, with the name of the recording."""
    try:
        yield
    except av.error.FFmpegError as error:
        raise RecordingError(
            f"{label} is damaged, or not on the list of formats ({error.strerror}); convert it, "
            f"for example to flac."
        ) from error
    except OSError as error:
        raise unreadable_error(label, error) from error


def _open_demuxer(stream: OpeningStream, *, has_plain_edits: bool) -> InputContainer:
    """Return FFmpeg's view of a stream, without edit lists that hide only priming.

    To obey an edit list FFmpeg rebuilds its index of all packets, which takes 20 MB for an hour of
    AAC in place of 6. The index of Matroska serves to seek, and takes hours if it is in disorder.
    """
    options = dict(DEMUXER_OPTIONS)
    if has_plain_edits:
        options["advanced_editlist"] = "0"
    if stream.is_matroska:
        options["fflags"] = "ignidx"
    file: Any = stream
    try:
        demuxer: InputContainer = av.open(file, mode="r", container_options=options, **_TAG_OPTIONS)
        is_transport = demuxer.format.name in _TRANSPORT_DEMUXERS
        if is_transport and not any(map(_is_decodable, demuxer.streams.audio)):
            demuxer.close()
            stream.seek(0)
            options |= _LATE_AUDIO_OPTIONS
            demuxer = av.open(file, mode="r", container_options=options, **_TAG_OPTIONS)
    except av.error.FFmpegError:
        stream.finish_opening()
        raise
    return demuxer


def _require_track(tracks: Sequence[TrackInfo], label: str, index: int | None) -> int:
    """Return the index of a track that can be decoded, or raise an error that says why not."""
    if not tracks:
        raise RecordingError(f"{label} contains no audio.")
    if index is not None and index >= len(tracks):
        count = f"{len(tracks)} audio tracks" if len(tracks) > 1 else "one audio track"
        last = f"from 0 to {len(tracks) - 1}" if len(tracks) > 1 else "only 0"
        raise RecordingError(f"{label} has {count}; track is {index}, and can be {last}.")
    if index is not None and tracks[index].is_decodable:
        return index
    decodable = [at for at, track in enumerate(tracks) if track.is_decodable]
    if index is None and decodable:
        return next((at for at in decodable if tracks[at].is_default), decodable[0])
    name = label if index is None or len(tracks) == 1 else f"Track {index} of {label}"
    remedy = f"choose track {decodable[0]}" if decodable else "convert it, for example to flac"
    raise RecordingError(
        f"{name} uses an audio codec that is not on the list of formats; {remedy}."
    )


def _discard_others(demuxer: InputContainer, audio: AudioStream) -> None:
    for stream in demuxer.streams:
        if _DISCARD is not None and stream.index != audio.index:
            stream.discard = _DISCARD.all


def _describe(stream: AudioStream) -> TrackInfo:
    codec: AudioCodecContext | None = stream.codec_context
    return TrackInfo(
        codec.codec.canonical_name if codec else "",
        stream.metadata.get("language", ""),
        stream.metadata.get("title", ""),
        av.stream.Disposition.default in stream.disposition,
        _is_decodable(stream),
    )


def _is_decodable(stream: AudioStream) -> bool:
    codec: AudioCodecContext | None = stream.codec_context
    return (
        codec is not None
        and codec.name in DECODERS
        and MIN_SAMPLE_RATE <= codec.sample_rate <= MAX_SAMPLE_RATE
        and 0 < codec.channels <= _MAX_CHANNELS
    )


def _container_name(demuxer: str, codec: str, head: bytes) -> str:
    if demuxer == "mov,mp4,m4a,3gp,3g2,mj2":
        return "mp4"
    if demuxer == "matroska,webm":
        return "webm" if b"webm" in head else "matroska"
    return codec if demuxer == "mp3" and codec == "mp2" else demuxer
