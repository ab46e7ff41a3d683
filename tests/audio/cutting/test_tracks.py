"""Of several tracks the right one is sent, whole and in pieces, with the times of a player."""

import io
from typing import Any

import av
import pytest
from av.container import InputContainer

from apertis_audio_tools import RecordingError
from apertis_audio_tools.audio import encode_chat_clip, probe
from apertis_audio_tools.sandbox.audio_decoding import decode
from apertis_audio_tools.sandbox.beacons import BeaconRecogniser
from support.film_recordings import (
    COUNT,
    SECONDS,
    FilmTrack,
    Picture,
    heard,
    late,
    pieces_of,
    write_film,
)
from support.meeting_recordings import piece_bytes

TOLERANCE = 0.04
CUT = {"target_seconds": 8}
ENCODERS = {
    "mp4": ("aac", "mpeg4"),
    "mov": ("pcm_s16le", "mpeg4"),
    "matroska": ("libmp3lame", "mpeg4"),
    "webm": ("libopus", "libvpx"),
    "mpegts": ("mp2", "mpeg1video"),
}
"""Encoders of audio and picture by container."""


def numbers(first: int) -> list[int]:
    return list(range(first, first + COUNT))


@pytest.mark.parametrize("container", ENCODERS)
def test_same_words_whole_and_cut(container: str) -> None:
    """Whichever track is chosen, all beacons of it are sent and no other, whole and in pieces."""
    encoder, picture = ENCODERS[container]
    film = write_film(
        container,
        [
            FilmTrack(100, encoder),
            FilmTrack(200, encoder, is_default=True),
            FilmTrack(None, encoder),
        ],
        Picture(picture),
    )
    expected: dict[Any, list[int]] = {0: numbers(100), 1: numbers(200), 2: []}
    expected["default"] = expected[0 if container == "mpegts" else 1]
    for track, beacons in expected.items():
        recording = probe(film, track=track)
        (whole,), cut = pieces_of(recording), pieces_of(recording, **CUT)
        assert len(cut) > 1
        assert [number for number, _ in heard([whole])] == beacons
        assert [number for number, _ in heard(cut)] == beacons
        for piece in (whole, *cut):
            with av.open(io.BytesIO(piece_bytes(piece))) as sent:
                assert [stream.type for stream in sent.streams] == ["audio"]


@pytest.mark.parametrize("container", ENCODERS)
@pytest.mark.parametrize(
    ("sound", "picture"), [(5.0, 0.0), (0.0, 5.0), (40.0, 0.0), (605.0, 600.0), (600.0, 605.0)]
)
def test_player_time(container: str, sound: float, picture: float) -> None:
    """Time 0 is where a player begins, with the sound or with the picture, whole and in pieces."""
    encoder, picture_encoder = ENCODERS[container]
    film = write_film(
        container, [FilmTrack(encoder=encoder, start=sound)], Picture(picture_encoder, picture)
    )
    recording, start = probe(film), max(sound - picture, 0.0)
    for pieces in (pieces_of(recording), pieces_of(recording, **CUT)):
        beacons = heard(pieces)
        assert [number for number, _ in beacons] == numbers(0)
        assert late(beacons, 0, start) < TOLERANCE
    assert recording.start == pytest.approx(start, abs=TOLERANCE)
    assert any("begins" in note for note in recording.notes) == (start > 0)


def test_player_time_of_h264() -> None:
    """It is so if FFmpeg cannot tell where the picture begins, whose codec is not permitted."""
    if "libx264" not in av.codecs_available:
        pytest.skip("this build of FFmpeg has no encoder for H.264")
    film = write_film("matroska", [FilmTrack(start=605.0)], Picture("libx264", 600.0))
    assert probe(film).start == pytest.approx(5.0, abs=TOLERANCE)


@pytest.mark.parametrize("container", ["mp4", "matroska", "webm"])
def test_late_stamps_of_audio_alone(container: str) -> None:
    """A recording of audio alone begins at 0, whatever its first time stamp."""
    film = write_film(container, [FilmTrack(encoder=ENCODERS[container][0], start=3_600.0)])
    recording = probe(film)
    assert recording.start == 0
    assert recording.duration == pytest.approx(SECONDS, abs=0.1)
    assert late(heard(pieces_of(recording, **CUT)), 0, 0.0) < TOLERANCE


def test_later_track_keeps_its_offset() -> None:
    """Of two tracks, the one that begins later keeps its time."""
    film = write_film("matroska", [FilmTrack(0, "flac"), FilmTrack(100, "flac", start=7.0)])
    assert late(heard(pieces_of(probe(film, track=1))), 100, 7.0) < TOLERANCE
    assert probe(film, track=0).start == 0


@pytest.mark.parametrize("limits", [{}, CUT], ids=["whole", "cut"])
def test_all_tracks_are_mixed(limits: dict[str, Any]) -> None:
    """All tracks are heard, each at its time, one after the other and at once."""
    tracks = [
        FilmTrack(100, start=2.0, count=5),
        FilmTrack(200, "libopus", start=12.0, count=5, gains=(1.0, -1.0), layout="stereo"),
        FilmTrack(300, "flac", start=22.0, count=4, gains=(0.1,)),
    ]
    recording = probe(write_film("matroska", tracks, Picture()), track="all")
    assert recording.start == pytest.approx(2.0, abs=TOLERANCE)
    beacons = heard(pieces_of(recording, **limits))
    assert [number for number, _ in beacons] == [
        *range(100, 105),
        *range(200, 205),
        *range(300, 304),
    ]
    for first, start in ((100, 2.0), (200, 12.0), (300, 22.0)):
        mine = [each for each in beacons if each[0] // 100 == first // 100]
        assert late(mine, first, start) < TOLERANCE


def test_silent_track_is_passed_over() -> None:
    """If the default track is silent, the first one that is not is used; a note says so."""
    tracks = [
        FilmTrack(None, metadata={"title": "Desktop", "language": "eng"}),
        FilmTrack(None),
        FilmTrack(300, "libopus", metadata={"title": "Mic\x1b[2J" + "x" * 500}),
    ]
    recording = probe(("talk.mkv", write_film("matroska", tracks)))
    assert [number for number, _ in heard(pieces_of(recording))] == numbers(300)
    (note,) = recording.notes
    assert note.startswith('It has 3 audio tracks: 0 (eng, "Desktop", aac), 1 (aac), 2 ("Mic_[2Jx')
    assert "opus). Track 2 is used, because track 0 is silent" in note
    assert len(note) < 400


@pytest.mark.parametrize("where", [15.0, 58.0])
def test_late_speaker_is_not_silent(where: float) -> None:
    """A track on which somebody speaks late is not silent."""
    spoken = FilmTrack(7, "flac", start=where, count=1)
    film = write_film("matroska", [spoken, FilmTrack(100, "flac", count=40)])
    assert probe(film).tracks[0].index == 0


def test_all_silent_tracks_stay_the_default() -> None:
    """If every track is silent, the default one is used."""
    tracks = [FilmTrack(None), FilmTrack(None, is_default=True)]
    assert probe(write_film("matroska", tracks)).tracks[0].index == 1


@pytest.mark.parametrize("track", [2, 99])
def test_index_out_of_range(track: int) -> None:
    """An index that no track has is refused, and the error says which there are."""
    film = write_film("matroska", [FilmTrack(), FilmTrack()])
    with pytest.raises(RecordingError, match=rf"has 2 audio tracks; track is {track}, .* 0 to 1\."):
        probe(("film.mkv", film), track=track)
    with pytest.raises(RecordingError, match=r"has one audio track; track is 2, and can be only 0"):
        probe(write_film("matroska", [FilmTrack()]), track=2)


def test_undecodable_track_is_passed_over() -> None:
    """A track in an unknown codec is not chosen by default, and refused by its index."""
    film = write_film("matroska", [FilmTrack(0, "libopus"), FilmTrack(100, "aac")])
    film = film.replace(b"A_OPUS", b"A_APAC")
    recording = probe(film)
    assert [number for number, _ in heard(pieces_of(recording))] == numbers(100)
    assert "cannot be decoded" in recording.notes[0]
    with pytest.raises(
        RecordingError, match=r"Track 0 of .* not on the list of formats; choose track 1\."
    ):
        probe(film, track=0)
    assert "cannot be decoded" in probe(film, track="all").notes[0]


def test_chat_clip_has_the_chosen_track() -> None:
    """A clip for chat holds the chosen track, even if its container would be accepted."""
    film = write_film("matroska", [FilmTrack(0), FilmTrack(100, is_default=True)])
    upload, _ = encode_chat_clip(probe(film))
    with upload.open() as stream:
        beacons = BeaconRecogniser().recognise(decode(stream))
    assert [int(each.text) for each in beacons] == numbers(100)


@pytest.mark.parametrize("name", ["mp3", "m4a", "flac"])
def test_cover_goes_along(name: str) -> None:
    """A recording with one track and a picture of its cover is sent unchanged."""
    data = with_cover(name)
    (piece,) = pieces_of(probe(data))
    assert piece_bytes(piece) == data


def with_cover(name: str) -> bytes:
    """Return a recording with a picture of its cover."""
    muxer, encoder = {
        "mp3": ("mp3", "libmp3lame"),
        "m4a": ("mp4", "aac"),
        "flac": ("flac", "flac"),
    }[name]
    plain = write_film(muxer, [FilmTrack(encoder=encoder, count=2)])
    target = io.BytesIO()
    with av.open(io.BytesIO(plain)) as source, av.open(target, "w", format=muxer) as cover:
        audio = cover.add_stream_from_template(source.streams.audio[0])
        picture: Any = cover.add_stream("png", rate=1)
        picture.width = picture.height = 16
        picture.pix_fmt = "rgb24"
        picture.disposition = av.stream.Disposition.attached_pic
        for packet in picture.encode(av.VideoFrame(16, 16, "rgb24")):
            cover.mux(packet)
        assert isinstance(source, InputContainer)
        for packet in source.demux(audio=0):
            if packet.size:
                packet.stream = audio
                cover.mux(packet)
    return target.getvalue()
