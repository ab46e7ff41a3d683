"""Recordings with several tracks, each with beacons of its own, and with a picture."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from operator import itemgetter
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.stream import Disposition
from av.video.frame import VideoFrame

from apertis_audio_tools.audio import Piece, Recording, cut_pieces
from apertis_audio_tools.sandbox.audio_decoding import decode
from apertis_audio_tools.sandbox.beacons import BeaconRecogniser
from support.beacon_recordings import PERIOD_SECONDS, beacon_samples, beacon_start
from support.encoded_recordings import FAST_ENCODING

RATE = 48_000
COUNT = 10
"""Beacons of a track: twenty seconds."""
SECONDS = COUNT * PERIOD_SECONDS
NO_LIMIT = 10**9
_FRAMES_PER_SECOND = 25


@dataclass(frozen=True)
class FilmTrack:
    """An audio track: the number of its first beacon, or None for silence, and how it is written.

    `start` is in seconds. `gains` has a factor for each channel.
    """

    first: int | None = 0
    encoder: str = "aac"
    start: float = 0.0
    gains: tuple[float, ...] = (1.0,)
    layout: str = "mono"
    is_default: bool = False
    count: int = COUNT
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Picture:
    """A small picture, by the name of its encoder."""

    encoder: str = "mpeg4"
    start: float = 0.0
    seconds: float = SECONDS


def write_film(
    container: str, tracks: Sequence[FilmTrack], picture: Picture | None = None
) -> bytes:
    """Return a recording with tracks, and with a picture in front of them if there is one."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as film:
        packets = [] if picture is None else list(_encode_picture(film, picture))
        streams = [_add_track(film, track) for track in tracks]
        for stream, track in zip(streams, tracks, strict=True):
            packets += _encode_track(stream, track)
        for _, packet in sorted(packets, key=itemgetter(0)):
            film.mux(packet)
    return file.getvalue()


def _add_track(film: Any, track: FilmTrack) -> Any:
    options = FAST_ENCODING.get(track.encoder, {})
    stream = film.add_stream(track.encoder, rate=RATE, layout=track.layout, options=options)
    stream.disposition = Disposition.default if track.is_default else Disposition(0)
    stream.metadata.update(track.metadata)
    return stream


def _encode_track(stream: Any, track: FilmTrack) -> Iterator[tuple[float, Any]]:
    resampler = av.AudioResampler(stream.codec_context.format.name, track.layout, RATE)
    for number, samples in enumerate(_samples(track)):
        frame = AudioFrame("s16", track.layout, len(samples))
        plane = frame.planes[0]
        plane.update(samples.tobytes().ljust(plane.buffer_size, b"\0"))
        frame.sample_rate = RATE
        frame.pts = round(track.start * RATE) + number * len(samples)
        frame.time_base = Fraction(1, RATE)
        for each in resampler.resample(frame):
            yield from _timed(stream.encode(each))
    yield from _timed(stream.encode(None))


def _samples(track: FilmTrack) -> Iterator[Any]:
    """Yield the samples of all channels, two seconds at a time."""
    if track.first is None:
        periods: Iterator[bytes] = iter([bytes(round(RATE * PERIOD_SECONDS) * 2)] * track.count)
    else:
        periods = beacon_samples(RATE, track.count, first=track.first)
    for pcm in periods:
        mono = np.frombuffer(pcm, np.int16)
        yield np.rint(np.outer(mono, track.gains)).astype(np.int16)


def _encode_picture(film: Any, picture: Picture) -> Iterator[tuple[float, Any]]:
    stream = film.add_stream(picture.encoder, rate=_FRAMES_PER_SECOND)
    stream.width = stream.height = 16
    stream.pix_fmt = "yuv420p"
    for number in range(round(picture.seconds * _FRAMES_PER_SECOND)):
        frame = VideoFrame(16, 16, "yuv420p")
        frame.pts = round(picture.start * _FRAMES_PER_SECOND) + number
        frame.time_base = Fraction(1, _FRAMES_PER_SECOND)
        yield from _timed(stream.encode(frame))
    yield from _timed(stream.encode(None))


def _timed(packets: Sequence[Any]) -> Iterator[tuple[float, Any]]:
    for packet in packets:
        yield float(packet.dts * packet.time_base), packet


def pieces_of(recording: Recording, **limits: Any) -> list[Piece]:
    """Return the pieces of a recording, of any size."""
    return list(cut_pieces(recording, max_bytes=NO_LIMIT, **limits))


def heard(pieces: Sequence[Piece]) -> list[tuple[int, float]]:
    """Return the beacons in pieces as the sandbox decodes them, on the recording's time line."""
    beacons = []
    for piece in pieces:
        with piece.upload.open() as stream:
            pcm = decode(stream)
        beacons += [
            (int(each.text), each.start + piece.start) for each in BeaconRecogniser().recognise(pcm)
        ]
    return beacons


def late(beacons: Sequence[tuple[int, float]], first: int, start: float) -> float:
    """Return the seconds by which the beacon that is most off its time is off."""
    return max(abs(at - start - beacon_start(number - first)) for number, at in beacons)
