"""Each channel or track is transcribed as one speaker, on the time line of the recording."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apertis_audio_tools import (
    ApertisAudio,
    ConfigurationError,
    InvalidRequestError,
    Transcript,
    UnsupportedError,
)
from apertis_audio_tools.sandbox import BeaconRecogniser, Sandbox, SpeechSegment
from support.beacon_recordings import beacon_start
from support.channel_recordings import beacons, mix, write_channels
from support.film_recordings import FilmTrack, Picture, write_film
from support.loopback_server import LoopbackServer
from support.scripted_responses import respond_error, respond_json
from support.sync_async import Run
from support.wav_files import silent_wav

FIRST = [1, 2, None, None, None, None, 3, None, None, None, 4, None]
SECOND = [None, None, None, 11, 12, None, 13, None, None, None, None, None]
"""Numbers of the beacons of two channels, by periods of two seconds; once both speak."""
EXPECTED = sorted(
    (period, speaker, f"{number:05d}")
    for speaker, numbers in (("Host", FIRST), ("Guest", SECOND))
    for period, number in enumerate(numbers)
    if number is not None
)
NAMES = ["Host", "Guest"]
FILM = (
    "film.mkv",
    write_film("matroska", [FilmTrack(0), FilmTrack(100, start=5.0), FilmTrack(None)], Picture()),
)


class CountingBeacons(BeaconRecogniser):
    """Recogniser of beacons that notes the seconds of each request."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def recognise(self, pcm: bytes, /) -> Iterator[SpeechSegment]:
        """Yield the beacons; see `BeaconRecogniser`."""
        self.seconds.append(len(pcm) / 32_000)
        return super().recognise(pcm)


@pytest.fixture(name="counter", scope="module")
def _counter() -> Iterator[tuple[CountingBeacons, str]]:
    counting = CountingBeacons()
    with Sandbox(recogniser=counting) as url:
        yield counting, url


@pytest.fixture(name="heard")
def _heard(counter: tuple[CountingBeacons, str]) -> CountingBeacons:
    counter[0].seconds.clear()
    return counter[0]


@pytest.fixture(name="client")
def _client(
    heard: CountingBeacons, counter: tuple[CountingBeacons, str], tmp_path: Path
) -> Iterator[ApertisAudio]:
    assert heard.seconds == []
    with ApertisAudio("sk-payg-1234", base_url=counter[1], cache=tmp_path) as client:
        yield client


def found(transcript: Transcript) -> list[tuple[int, str | None, str]]:
    """Return period, speaker and text of each segment; require exact times."""
    periods = [round((each.start - beacon_start(0)) / 2) for each in transcript.segments]
    for period, segment in zip(periods, transcript.segments, strict=True):
        assert segment.start == pytest.approx(beacon_start(period), abs=0.02)
        assert segment.words[0].start == segment.start
        assert segment.end - segment.start == pytest.approx(0.53, abs=0.03)
    return sorted(
        (period, each.speaker, each.text)
        for period, each in zip(periods, transcript.segments, strict=True)
    )


@pytest.mark.parametrize(
    ("container", "encoder", "crosstalk"), [("wav", "pcm_s16le", -90), ("ogg", "libopus", -18)]
)
def test_channels(
    run: Run,
    client: ApertisAudio,
    heard: CountingBeacons,
    container: str,
    encoder: str,
    crosstalk: int,
) -> None:
    """Each word is on its channel, at its time; neither silence nor the echo of others is sent."""
    first, second = beacons(*FIRST), beacons(*SECOND)
    channels = [mix(first, second, crosstalk), mix(second, first, crosstalk)]
    recording = (f"call.{container}", write_channels(channels, container, encoder))
    for options in ({}, {"piece_seconds": 2}):
        transcript = run(
            client, "transcribe", recording, speakers="channels", speaker_names=NAMES, **options
        )
        assert sorted(found(transcript)) == EXPECTED
        assert transcript.duration == pytest.approx(24, abs=0.1)
    whole, pieces = heard.seconds[:2], heard.seconds[2:]
    assert sum(whole) < 13
    assert len(pieces) > 2
    again = run(client, "transcribe", recording, speakers="channels", speaker_names=NAMES)
    assert again.segments
    assert len(heard.seconds) == 2 + len(pieces)


def test_tracks(run: Run, client: ApertisAudio) -> None:
    """Each track is a speaker, at the times of the film, whenever it begins."""
    transcript = run(client, "transcribe", FILM, speakers="tracks")
    by_speaker: dict[str | None, list[str]] = {}
    for segment in transcript.segments:
        by_speaker.setdefault(segment.speaker, []).append(segment.text)
        start = 5.0 if segment.speaker == "Speaker 2" else 0.0
        expected = start + beacon_start(int(segment.text) % 100)
        assert segment.start == pytest.approx(expected, abs=0.04)
    numbers = [f"{n:05d}" for n in range(10)]
    assert by_speaker == {"Speaker 1": numbers, "Speaker 2": [f"{n:05d}" for n in range(100, 110)]}
    assert "Track 2 has no voice of its own, and was not sent." in transcript.notes


def test_identical_and_silent_channels(
    run: Run, client: ApertisAudio, heard: CountingBeacons
) -> None:
    """Channels that are the same are sent once, and silent ones not at all; notes say so."""
    voice = beacons(1, 2, 3)
    same = run(client, "transcribe", write_channels([voice, voice // 2]), speakers="channels")
    assert [(each.text, each.speaker) for each in same.segments] == [
        (f"{n:05d}", None) for n in (1, 2, 3)
    ]
    assert any("no speakers can be told apart" in note for note in same.notes)
    assert len(heard.seconds) == 1
    silence = np.zeros_like(voice)
    channels = [silence, voice, beacons(None, 7, None)]
    some = run(client, "transcribe", write_channels(channels), speakers="channels")
    assert {each.speaker for each in some.segments} == {"Speaker 2", "Speaker 3"}
    assert some.notes == ("Channel 0 has no voice of its own, and was not sent.",)
    nothing = run(client, "transcribe", write_channels([silence, silence]), speakers="channels")
    assert nothing.text == ""
    assert len(heard.seconds) == 3


def test_named_channels(run: Run, client: ApertisAudio, heard: CountingBeacons) -> None:
    """Of many channels only those that are named are transcribed, in the order of their names."""
    channels = [
        beacons(number, None) if number % 2 else beacons(None, number) for number in range(10)
    ]
    recording = write_channels(channels)
    with pytest.raises(UnsupportedError, match=r"has 10 channels; name those .*channels=\[0, 1\]"):
        run(client, "transcribe", recording, speakers="channels")
    options: dict[str, Any] = {"channels": [7, 4], "speaker_names": ["Seven", "Four"]}
    transcript = run(client, "transcribe", recording, speakers="channels", **options)
    assert [(each.speaker, each.text) for each in transcript.segments] == [
        ("Seven", "00007"),
        ("Four", "00004"),
    ]
    assert len(heard.seconds) == 2


def test_translations_and_batches(run: Run, client: ApertisAudio) -> None:
    """Translations and batches tell speakers apart too."""
    recording = write_channels([beacons(1, None), beacons(None, 2)])
    options: dict[str, Any] = {"speakers": "channels", "speaker_names": NAMES}
    translated = run(client, "translate", recording, **options)
    assert translated.to_text() == "Host: 00001\nGuest: 00002"
    for verb in ("transcribe_many", "translate_many"):
        (outcome,) = run(client, verb, [recording], **options)
        assert outcome.transcript.to_text() == "Host: 00001\nGuest: 00002"


def test_names_change_nothing_that_is_sent(
    run: Run, client: ApertisAudio, heard: CountingBeacons
) -> None:
    """With other names the pieces come from the cache; another channel is sent."""
    recording = write_channels(
        [beacons(1, None, None), beacons(None, 2, None), beacons(None, None, 3)]
    )
    run(client, "transcribe", recording, speakers="channels", channels=[0, 1])
    named = run(
        client, "transcribe", recording, speakers="channels", channels=[0, 1], speaker_names=NAMES
    )
    assert [each.speaker for each in named.segments] == NAMES
    assert len(heard.seconds) == 2
    other = run(client, "transcribe", recording, speakers="channels", channels=[0, 2])
    assert other.text == "00001 00003"
    assert len(heard.seconds) == 3


STEREO = write_channels([beacons(1, None), beacons(None, 2)])
MONO = silent_wav(32_000)
REFUSALS: list[tuple[bytes, dict[str, Any], type[Exception], str]] = [
    (MONO, {"speakers": "channels"}, UnsupportedError, "has one channel.*diarizer.*tracks"),
    (STEREO, {"speakers": "tracks"}, UnsupportedError, "has one audio track.*channels"),
    (STEREO, {"speakers": "channels", "channels": [0, 2]}, UnsupportedError, "has 2 channels"),
    (STEREO, {"speakers": "channels", "speaker_names": ["A"]}, UnsupportedError, "1 speaker_names"),
    (STEREO, {"speakers": "channels", "speaker_names": list("ABC")}, UnsupportedError, "for 2"),
    (STEREO, {"speakers": "channels", "track": 0}, ConfigurationError, "exclude each other"),
    (STEREO, {"speakers": "tracks", "channels": [0]}, ConfigurationError, "channels needs"),
    (STEREO, {"speakers": "voices"}, ConfigurationError, "speakers is 'voices'"),
    (STEREO, {"speakers": 2}, ConfigurationError, "speakers is 2"),
    (STEREO, {"speaker_names": ["A", "B"]}, ConfigurationError, "speaker_names needs speakers"),
    (STEREO, {"channels": [0]}, ConfigurationError, "channels needs speakers"),
    (STEREO, {"speakers": list, "channels": [0]}, ConfigurationError, "a diarizer names"),
    *(
        (STEREO, {"speakers": "channels", "channels": value}, ConfigurationError, message)
        for value, message in (
            ([0, 0], "a channel twice"),
            ([], "list of indexes"),
            ([-1], "list of indexes"),
            ([True], "list of indexes"),
            ("01", "list of indexes"),
            (1, "list of indexes"),
        )
    ),
    *(
        (STEREO, {"speakers": "channels", "speaker_names": value}, ConfigurationError, "of names")
        for value in ([], "AB", ["A", " "], ["A", 1], 7)
    ),
]


@pytest.mark.parametrize(("recording", "options", "error", "message"), REFUSALS)
def test_refusals(
    run: Run, recording: bytes, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    """Recordings and options that tell no speakers apart are refused before anything is sent."""
    with (
        ApertisAudio("sk-payg-1234", base_url="http://127.0.0.1:9/v1") as client,
        pytest.raises(error, match=message),
    ):
        run(client, "transcribe", recording, **options)


def test_a_failed_channel(run: Run) -> None:
    """If a channel fails, the error carries what was transcribed of the other one."""
    good = respond_json({"text": "Yes", "segments": [{"start": 0, "end": 1, "text": "Yes"}]})
    behaviours = [good, respond_error(400, "invalid_request")]
    with (
        LoopbackServer(behaviours) as server,
        server.client(max_concurrency=1) as client,
        pytest.raises(InvalidRequestError) as caught,
    ):
        run(client, "transcribe", STEREO, speakers="channels", speaker_names=NAMES)
    assert caught.value.partial is not None
    partial = caught.value.partial.transcript
    assert [(each.speaker, each.text) for each in partial.segments] == [("Host", "Yes")]


def test_models_without_times(run: Run) -> None:
    """Sentences of a model that returns no times are placed on their channels by the pauses."""
    behaviours = [respond_json({"text": "Good morning."}), respond_json({"text": "Hello there."})]
    with LoopbackServer(behaviours) as server, server.client(max_concurrency=1) as client:
        transcript = run(
            client,
            "transcribe",
            write_channels([beacons(1, None, None, None), beacons(None, None, None, 2)]),
            model="gpt-4o-transcribe",
            speakers="channels",
            speaker_names=NAMES,
        )
    assert transcript.to_text() == "Host: Good morning.\nGuest: Hello there."
    first, second = transcript.segments
    assert first.estimated
    assert (first.start, second.start) == pytest.approx(
        (beacon_start(0), beacon_start(3)), abs=0.15
    )


def test_speakers_of_the_service(run: Run) -> None:
    """Speakers that the service names are kept; in several pieces they are different persons."""
    body = {"text": "Yes", "segments": [{"start": 0, "end": 1, "text": "Yes", "speaker": "A"}]}
    with LoopbackServer([respond_json(body)]) as server, server.client() as client:
        one = run(client, "transcribe", silent_wav(32_000 * 2))
        several = run(client, "transcribe", silent_wav(32_000 * 9), piece_seconds=4)
    assert one.segments[0].speaker == "A"
    assert [each.speaker for each in several.segments][:2] == ["A (piece 1)", "A (piece 2)"]
    assert any("another name in each" in note for note in several.notes)
    with LoopbackServer([respond_json(body)]) as server, server.client() as client:
        channels = run(client, "transcribe", STEREO, speakers="channels")
    assert {each.speaker for each in channels.segments} == {"Speaker 1", "Speaker 2"}
    assert channels.notes == ()
    assert {passage.speaker for passage in several.passages()} == {
        each.speaker for each in several.segments
    }
