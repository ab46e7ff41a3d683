"""Long pauses are not sent on request, and times stay those of the recording."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from apertis_audio_tools import ApertisAudio, Transcript
from apertis_audio_tools.sandbox import BeaconRecogniser, Sandbox, SpeechSegment
from support.beacon_recordings import beacon_start
from support.channel_recordings import beacons, write_channels
from support.sync_async import Run
from support.wav_files import silent_wav

CLIP = Path(__file__).parents[1] / "clips" / "clip.mp3"
NUMBERS = [1, 2, None, None, None, 3, None, None, 4, 5]
"""Numbers of beacons by periods of two seconds; half of the recording is pauses."""
EXPECTED = [(period, f"{number:05d}") for period, number in enumerate(NUMBERS) if number]


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
def _client(counter: tuple[CountingBeacons, str], tmp_path: Path) -> Iterator[ApertisAudio]:
    with ApertisAudio("sk-payg-1234", base_url=counter[1], cache=tmp_path) as client:
        yield client


def found(transcript: Transcript) -> list[tuple[int, str]]:
    """Return the period and the text of each segment; require exact times."""
    periods = [round((each.start - beacon_start(0)) / 2) for each in transcript.segments]
    for period, segment in zip(periods, transcript.segments, strict=True):
        assert segment.start == pytest.approx(beacon_start(period), abs=0.02)
    return [(at, each.text) for at, each in zip(periods, transcript.segments, strict=True)]


@pytest.mark.parametrize("piece_seconds", [None, 5])
@pytest.mark.parametrize(
    ("container", "encoder"), [("wav", "pcm_s16le"), ("flac", "flac"), ("mp3", "libmp3lame")]
)
def test_pauses(
    run: Run,
    client: ApertisAudio,
    heard: CountingBeacons,
    container: str,
    encoder: str,
    piece_seconds: float | None,
) -> None:
    """Speech arrives whole, at its times in the recording, and pauses are not sent."""
    recording = write_channels([beacons(*NUMBERS)], container, encoder)
    options = {"pauses": "shorten", "piece_seconds": piece_seconds}
    transcript = run(client, "transcribe", recording, **options)
    assert found(transcript) == EXPECTED
    assert transcript.duration == pytest.approx(20.0, abs=0.1)
    assert sum(heard.seconds) < 12.5
    before = len(heard.seconds)
    assert run(client, "transcribe", recording, **options).segments == transcript.segments
    assert len(heard.seconds) == before


def test_each_channel_has_speech(run: Run, client: ApertisAudio, heard: CountingBeacons) -> None:
    """A pause is where no channel has speech."""
    recording = write_channels([beacons(*NUMBERS), beacons(*[None] * 3, 9, *[None] * 6)])
    transcript = run(client, "transcribe", recording, pauses="shorten")
    assert found(transcript) == sorted([*EXPECTED, (3, "00009")])
    assert sum(heard.seconds) < 15


def test_speech_without_pauses(run: Run, client: ApertisAudio, heard: CountingBeacons) -> None:
    """A recording without long pauses is sent as it is."""
    run(client, "transcribe", CLIP, pauses="shorten")
    run(client, "transcribe", CLIP)
    assert len(heard.seconds) == 1
    assert heard.seconds[0] == pytest.approx(1.2, abs=0.1)


def test_silence(run: Run, client: ApertisAudio, heard: CountingBeacons) -> None:
    """Nothing is sent of a silent recording, and the transcript says so."""
    transcript = run(client, "transcribe", ("a.wav", silent_wav(64_000)), pauses="shorten")
    assert (transcript.text, heard.seconds) == ("", [])
    assert transcript.notes == ("No speech was found in it, so the transcript is empty.",)


def test_noise_is_kept(run: Run, client: ApertisAudio, heard: CountingBeacons) -> None:
    """Noise that is as loud all the time has no pauses, so that nothing is lost."""
    recording = write_channels([beacons(None, 1, None, None, noise=3000)])
    run(client, "transcribe", io.BytesIO(recording), pauses="shorten")
    assert heard.seconds == [8.0]
