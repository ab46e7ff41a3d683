"""The audio track of an open recording, and the packets in it."""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import av
import av.stream
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.container import InputContainer

from apertis_audio_tools.audio.input.allowlist import DECODERS, DEMUXER_OPTIONS, name_refused_format
from apertis_audio_tools.audio.input.frame_headers import ELEMENTARY_CONTAINERS, without_tags
from apertis_audio_tools.audio.input.mp4_edit_lists import duration_without_priming
from apertis_audio_tools.audio.input.opening_limits import OpeningStream
from apertis_audio_tools.audio.input.sources import SourceContent, unreadable_error
from apertis_audio_tools.errors import RecordingError

Packet = Any
"""An `av.Packet`, whose type hints differ between the versions of PyAV."""

_TAG_OPTIONS: dict[str, Any] = (
    {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}  # noqa: PLR2004
)
"""Options that let tags be other than UTF-8, which PyAV 19 does by itself."""
_MIN_SAMPLE_RATE, _MAX_SAMPLE_RATE = 1_000, 1_536_000
"""Hz, beyond any recording. Resampling from any rate in a header can take for ever."""
_MAX_CHANNELS = 64
"""More than any codec has but the uncompressed ones, whose headers may claim anything."""
_MAX_FAILURES = 100
"""Attempts to read on after a damaged place before the rest is given up."""
_DISCARD = getattr(av.stream, "Discard", None)
"""Setting that makes FFmpeg skip a stream. PyAV has it since version 17."""
_HEAD_BYTES = 64

_COPYABLE_CODECS = frozenset({"aac", "mp2", "mp3", "opus", "vorbis"})
_OPUS_HEAD_BYTES = 19
"""Bytes that an OpusHead has at least (RFC 7845, section 5.1)."""


@dataclass(frozen=True, slots=True)
class Track:
    """The audio track that a player would choose, in an open recording.

    Attributes:
        label: Name of the recording in messages.
        demuxer: FFmpeg's view of the recording. It skips all other streams.
        stream: The audio stream.
        container: Name of the container, such as ``mp3``, ``ogg``, ``mp4`` or ``webm``.
        codec: FFmpeg's canonical name of the codec, whichever of its decoders is used.
        edited_seconds: Duration by an MP4 edit list that hides only priming, or None.
        content: The recording, which may be read beside the demuxer.
    """

    label: str
    demuxer: InputContainer
    stream: AudioStream
    container: str
    codec: str
    edited_seconds: float | None
    content: SourceContent

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
        return self.codec in _COPYABLE_CODECS and is_complete

    def packets(self) -> Iterator[Packet]:
        """Return the packets that hold audio, including those after a damaged place.

        Raises:
            av.error.InvalidDataError: If there are only errors and no packets any more.
        """
        packets = self._demuxed_packets()
        if self.container in ELEMENTARY_CONTAINERS:
            return without_tags(packets, self.content)
        return packets

    def _demuxed_packets(self) -> Iterator[Packet]:
        failures = 0
        while True:
            try:
                for packet in self.demuxer.demux(self.stream):
                    if packet.size:
                        failures = 0
                        yield packet
            except av.error.InvalidDataError:
                failures += 1
                if failures > _MAX_FAILURES:
                    raise
            except IndexError:
                continue  # a packet of a stream that has begun since, which PyAV does not know
            else:
                return


@contextlib.contextmanager
def open_track(content: SourceContent) -> Iterator[Track]:
    """Open the audio track of a recording.

    Raises:
        RecordingError: If there is no track that can be decoded, or the recording is damaged.
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
            audio = _choose_stream(demuxer, label)
            yield Track(
                label,
                demuxer,
                audio,
                _container_name(demuxer.format.name, audio.codec_context.name, head),
                audio.codec_context.codec.canonical_name,
                edited_seconds,
                content,
            )


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
    except av.error.FFmpegError:
        stream.finish_opening()
        raise
    return demuxer


def _choose_stream(demuxer: InputContainer, label: str) -> AudioStream:
    """Return the audio stream that a player would choose, and let the demuxer skip the others."""
    if not demuxer.streams.audio:
        raise RecordingError(f"{label} contains no audio.")
    decodable = [stream for stream in demuxer.streams.audio if _is_decodable(stream)]
    if not decodable:
        raise RecordingError(
            f"{label} uses an audio codec that is not on the list of formats; convert it, for "
            f"example to flac."
        )
    best = demuxer.streams.best("audio")
    index = decodable[0].index if best is None else best.index
    chosen = next((stream for stream in decodable if stream.index == index), decodable[0])
    for stream in demuxer.streams:
        if _DISCARD is not None and stream.index != chosen.index:
            stream.discard = _DISCARD.all
    return chosen


def _is_decodable(stream: AudioStream) -> bool:
    codec: AudioCodecContext | None = stream.codec_context
    return (
        codec is not None
        and codec.name in DECODERS
        and _MIN_SAMPLE_RATE <= codec.sample_rate <= _MAX_SAMPLE_RATE
        and 0 < codec.channels <= _MAX_CHANNELS
    )


def _container_name(demuxer: str, codec: str, head: bytes) -> str:
    if demuxer == "mov,mp4,m4a,3gp,3g2,mj2":
        return "mp4"
    if demuxer == "matroska,webm":
        return "webm" if b"webm" in head else "matroska"
    return codec if demuxer == "mp3" and codec == "mp2" else demuxer
