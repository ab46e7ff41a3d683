"""However many channels there are, and however they relate, everybody is heard."""

import io
import struct
from collections.abc import Iterator
from typing import Any

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from apertis_audio_tools.audio import encode_chat_clip, probe
from apertis_audio_tools.audio.input import sampling
from apertis_audio_tools.audio.input.frames import decode_packets
from apertis_audio_tools.sandbox.audio_decoding import decode
from apertis_audio_tools.sandbox.beacons import BeaconRecogniser
from support.beacon_recordings import AMPLITUDE, beacon_samples
from support.film_recordings import FilmTrack, heard, late, pieces_of, write_film
from support.meeting_recordings import piece_bytes

RATE = 16_000
COUNT = 4
SECONDS = 2 * COUNT
TOLERANCE = 0.04
LFE_MASK, NO_MASK = 0b1011, 0
"""Masks of channels: left, right and low frequencies; none."""
Channels = NDArray[np.floating[Any]]


def beacons(first: int = 0, gain: float = 1.0) -> Channels:
    """Return the samples of a channel with beacons."""
    return gain * np.frombuffer(b"".join(beacon_samples(RATE, COUNT, first=first)), np.int16)


def silence() -> Channels:
    return np.zeros(RATE * SECONDS)


def wav(*channels: Channels, mask: int | None = None) -> bytes:
    """Return a wav file of channels, with a mask that names them or without."""
    samples = np.clip(np.rint(np.stack(channels, 1)), -32_768, 32_767).astype("<i2").tobytes()
    count, width = len(channels), 2 * len(channels)
    form = struct.pack("<HHIIHH", 1, count, RATE, RATE * width, width, 16)
    if mask is not None:
        pcm = bytes.fromhex("0100000000001000800000aa00389b71")
        form = b"\xfe\xff" + form[2:] + struct.pack("<HHI", 22, 16, mask) + pcm
    chunks = b"fmt " + struct.pack("<I", len(form)) + form
    chunks += b"data" + struct.pack("<I", len(samples)) + samples
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def assert_heard(data: bytes, *firsts: int) -> None:
    """Require the beacons in every form in which a recording is sent."""
    recording = probe(data)
    expected = sorted(number for first in firsts for number in range(first, first + COUNT))
    for options in ({}, {"target_seconds": 4}, {"upload_format": "opus"}):
        found = heard(pieces_of(recording, **options))
        assert sorted(number for number, _ in found) == expected, options
        for first in firsts:
            mine = [each for each in found if first <= each[0] < first + COUNT]
            assert late(mine, first, 0.0) < TOLERANCE
    upload, _ = encode_chat_clip(recording)
    with upload.open() as stream:
        found_in_clip = {int(each.text) for each in BeaconRecogniser().recognise(decode(stream))}
    assert sorted(found_in_clip) == expected


@pytest.mark.parametrize(
    ("count", "where"),
    [
        (3, -1),
        (4, -1),
        (5, 0),
        (6, 3),
        (6, -1),
        (8, -1),
        (9, 0),
        (9, -1),
        (13, 6),
        (24, -1),
        (64, -1),
    ],
)
def test_one_of_many_channels(count: int, where: int) -> None:
    """A voice in any of many channels is heard."""
    channels = [silence() for _ in range(count)]
    channels[where] = beacons()
    assert_heard(wav(*channels), 0)


@pytest.mark.parametrize("mask", [LFE_MASK, NO_MASK])
def test_masks(mask: int) -> None:
    """A voice in what the header calls the low-frequency channel is heard."""
    assert_heard(wav(silence(), silence(), beacons(), mask=mask), 0)


@pytest.mark.parametrize(
    "gains",
    [(1, -1), (1, -0.9), (0.5, -0.6), (1, -1, 1, -1), (1, 0, -1), (0, 0.3, -0.3, 0, 1, -1)],
)
def test_inverted_channels(gains: tuple[float, ...]) -> None:
    """Channels that are each other upside down do not cancel each other."""
    assert_heard(wav(*(beacons(gain=gain) for gain in gains)), 0)


@pytest.mark.parametrize("encoder", ["libmp3lame", "flac", "aac", "libopus"])
def test_inverted_channels_in_codecs(encoder: str) -> None:
    """They do not in a compressed recording either, which is re-encoded even if it is small."""
    container = {"libmp3lame": "mp3", "flac": "flac", "aac": "ipod", "libopus": "ogg"}[encoder]
    data = write_film(container, [FilmTrack(encoder=encoder, gains=(1.0, -1.0), layout="stereo")])
    recording = probe(data)
    assert not recording.is_plain
    for options in ({}, {"target_seconds": 4}):
        found = heard(pieces_of(recording, **options))
        assert [number for number, _ in found] == list(range(10))
        assert late(found, 0, 0.0) < TOLERANCE


def test_inverted_after_a_silent_beginning() -> None:
    """The sample that decides is spread over the recording."""
    quiet = np.zeros(RATE * 4)
    channels = [np.concatenate((quiet, beacons(gain=gain))) for gain in (1, -1)]
    (piece,) = pieces_of(probe(wav(*channels)))
    assert len(heard([piece])) == COUNT


@pytest.mark.parametrize("gain", [1, 0.02])
def test_inverted_and_seldom_heard(gain: float) -> None:
    """A longer look decides if a first one finds silence or no more than noise."""
    dice = np.random.default_rng(1)
    noise = [dice.normal(0, 8, RATE * SECONDS * 4) for _ in range(2)]
    voice = np.zeros(RATE * SECONDS * 4)
    for eighth in range(8):
        begin = round((eighth * SECONDS / 2 + 0.4) * RATE)
        voice[begin : begin + RATE] = beacons()[:RATE]
    left, right = noise[0] + gain * 2 * voice, noise[1] - gain * 2 * voice
    recording = probe(wav(left, right))
    assert recording.tracks[0].mix is not None


@pytest.mark.parametrize("gains", [(1, 1), (1, 0), (0, 1), (1, 0.2), (1, -0.2), (0, 0)])
def test_healthy_stereo_is_sent_unchanged(gains: tuple[float, float]) -> None:
    """Two channels that anyone may mix go out as they are."""
    data = wav(*(beacons(gain=gain) for gain in gains))
    (piece,) = pieces_of(probe(data))
    assert piece_bytes(piece) == data


def test_everybody_at_once_is_not_clipped() -> None:
    """Many loud channels are limited, and a quiet voice beside them is heard."""
    dice = np.random.default_rng(1)
    noise = [
        np.concatenate((dice.normal(0, 9_000, RATE * 2), np.zeros(RATE * (SECONDS - 2))))
        for _ in range(11)
    ]
    quiet = np.concatenate((np.zeros(RATE * 2), beacons(gain=0.25)[RATE * 2 :]))
    (piece,) = pieces_of(probe(wav(*noise, quiet)))
    assert [number for number, _ in heard([piece])] == list(range(1, COUNT))
    with io.BytesIO(piece_bytes(piece)) as file:
        samples = np.frombuffer(decode(file), np.int16)
    assert 0.5 < np.abs(samples).max() / 32_768 < 0.99


@pytest.mark.parametrize("count", [1, 2])
def test_level_is_kept(count: int) -> None:
    """One voice in many channels is about as loud as it is in the recording."""
    channels = [silence() for _ in range(16)]
    channels[3 : 3 + count] = [beacons()] * count
    (piece,) = pieces_of(probe(wav(*channels)))
    with io.BytesIO(piece_bytes(piece)) as file:
        loudest = np.abs(np.frombuffer(decode(file), np.int16)).max()
    assert AMPLITUDE < loudest < AMPLITUDE * 2.5


def test_damaged_packet_of_many_channels() -> None:
    """Silence takes the place of damaged packets in recordings of eight channels as well."""
    film = bytearray(
        write_film("matroska", [FilmTrack(encoder="flac", gains=(1.0,) * 8, layout="7.1")])
    )
    middle = len(film) // 2
    film[middle : middle + 20_000] = bytes(20_000)
    found = heard(pieces_of(probe(bytes(film))))
    assert 5 < len(found) < 10


def test_sampling_is_bounded() -> None:
    """A long recording is not read further than its samples."""
    channels = [np.tile(beacons(gain=gain), 20) for gain in (1, 1)]

    class Counting(io.BytesIO):
        bytes_read = 0

        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            Counting.bytes_read += len(data)
            return data

    data = wav(*channels)
    probe(Counting(data))
    assert Counting.bytes_read < len(data) / 4


def test_two_seconds_show_that_channels_add(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a recording that is heard at once, two seconds are decoded to compare its channels."""
    seconds = 0.0

    def counted(*arguments: Any) -> Iterator[AudioFrame]:
        nonlocal seconds
        for frame in decode_packets(*arguments):
            seconds += frame.samples / RATE
            yield frame

    monkeypatch.setattr(sampling, "decode_packets", counted)
    dice = np.random.default_rng(1)
    assert probe(wav(*(dice.normal(0, 2_000, RATE * 60) for _ in range(2)))).is_plain
    assert 2 <= seconds < 4


@pytest.mark.parametrize(("channels", "rate"), [(1, 0.01), (2, 1e-4), (2, 0.01), (6, 1e-4)])
def test_samples_that_are_no_numbers(channels: int, rate: float) -> None:
    """Samples of floating point that are infinite or NaN spoil nothing but themselves."""
    samples = np.zeros((RATE * SECONDS, channels), "<f4")
    samples[:, -1] = beacons() / 32_768
    if channels == 2:
        samples[:, 0] = -samples[:, 1]
    dice = np.random.default_rng(1)
    for value in (np.nan, np.inf, -np.inf):
        samples[dice.random(len(samples)) < rate] = value
    data = float_wav(samples)
    assert_heard(data, 0)
    assert "no numbers" in probe(data).notes[-1]


@pytest.mark.parametrize("peak", [4.5, 32_768.0, 2.0**31])
@pytest.mark.parametrize("channels", [1, 2, 4])
def test_samples_beyond_full_scale(channels: int, peak: float) -> None:
    """Integers that were written as floating point are heard, also beside a few damaged samples."""
    samples = np.zeros((RATE * SECONDS, channels), "<f4")
    samples[:, -1] = beacons() / AMPLITUDE * peak
    samples[RATE // 2, 0] = 1e25
    data = float_wav(samples)
    assert_heard(data, 0)
    assert "made quieter" in probe(data).notes[-1]


def test_samples_a_little_beyond_full_scale() -> None:
    """A recording that is a little too loud is sent as it is."""
    samples = np.stack((beacons(),), 1) / AMPLITUDE * 1.5
    recording = probe(float_wav(samples.astype("<f4")))
    assert recording.notes == ()
    assert recording.tracks[0].mix is None


@pytest.mark.parametrize("suffix", ["caf", "mkv", "aiff"])
def test_other_containers_of_samples_beyond_full_scale(suffix: str) -> None:
    """Samples of floating point are heard in every container."""
    codec, form = {
        "caf": ("pcm_f64be", "caf"),
        "mkv": ("pcm_f32le", "matroska"),
        "aiff": ("pcm_f32be", "aiff"),
    }[suffix]
    data = io.BytesIO()
    with av.open(data, "w", format=form) as container:
        stream: Any = container.add_stream(codec, rate=RATE, layout="mono")
        samples = (beacons() / AMPLITUDE * 30_000).astype("<f4").reshape(1, -1)
        frame = AudioFrame.from_ndarray(samples, "flt", "mono")
        frame.sample_rate = RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert_heard(data.getvalue(), 0)


def float_wav(samples: Channels) -> bytes:
    """Return a wav file of samples of 32-bit floating point, each with its channels."""
    count, data = samples.shape[1], samples.tobytes()
    form = struct.pack("<HHIIHH", 3, count, RATE, RATE * 4 * count, 4 * count, 32)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form
    chunks += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def test_large_matroska_files() -> None:
    """Channels are compared all over a Matroska file of more than 64 MiB."""
    quiet = np.zeros(RATE * 45)
    parts = [(quiet, quiet), *[(beacons(), -beacons())] * 70]
    data = io.BytesIO()
    with av.open(data, "w", format="matroska") as container:
        stream = container.add_stream("pcm_s32le", rate=RATE, layout="stereo")
        for left, right in parts:
            samples = np.stack((left, right), 1).astype("<i4") << 16
            frame = AudioFrame.from_ndarray(samples.reshape(1, -1), "s32", "stereo")
            frame.sample_rate = RATE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert len(data.getvalue()) > 64 << 20
    assert probe(data.getvalue()).tracks[0].mix is not None
