"""The recordings of the project match their names and texts."""

import array
import io
import itertools
import math
import os
import re
import runpy
import shutil
import statistics
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import av
import pytest

CLIPS = Path(__file__).parents[1] / "clips"
STANDUP = Path(__file__).parents[2] / "examples" / "data" / "standup.ogg"
MAKE_STANDUP = STANDUP.with_name("make_standup.py")
MAKE_CLIPS = CLIPS / "make_clips.py"

SAMPLE_RATE = 16_000
BLOCK = SAMPLE_RATE // 20
BLOCK_SECONDS = BLOCK / SAMPLE_RATE
SPEECH_RMS = 200
PAUSE_SECONDS = 0.4

KINDS = {  # FFmpeg's names of container and codec, and the beginning of the file
    "aac": ("aac", "aac", rb"^\xff\xf1"),
    "aiff": ("aiff", "pcm_s16be", rb"^FORM....AIFF"),
    "flac": ("flac", "flac", rb"^fLaC"),
    "m4a": ("mov,mp4,m4a,3gp,3g2,mj2", "aac", rb"^....ftypM4A "),
    "mkv": ("matroska,webm", "aac", rb"^\x1aE\xdf\xa3.*matroska"),
    "mp3": ("mp3", "mp3", rb"^ID3"),
    "mp4": ("mov,mp4,m4a,3gp,3g2,mj2", "aac", rb"^....ftypisom"),
    "mpeg": ("mpeg", "mp2", rb"^\x00\x00\x01\xba"),
    "mpga": ("mp3", "mp2", rb"^\xff\xf5"),
    "ogg": ("ogg", "opus", rb"^OggS.*OpusHead"),
    "opus": ("ogg", "opus", rb"^OggS.*OpusHead"),
    "wav": ("wav", "pcm_s16le", rb"^RIFF....WAVE"),
    "webm": ("matroska,webm", "opus", rb"^\x1aE\xdf\xa3.*webm"),
}

every_clip = pytest.mark.parametrize("suffix", sorted(KINDS))
every_script = pytest.mark.parametrize(
    "script", [MAKE_STANDUP, MAKE_CLIPS], ids=lambda path: path.stem
)
needs_flite = pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")


def decode(path: Path) -> list[int]:
    """Return the first audio stream as 16 kHz mono samples."""
    samples = array.array("h")
    resampler = av.AudioResampler("s16", "mono", SAMPLE_RATE)
    with av.open(path, "r") as container:
        for frame in itertools.chain(container.decode(audio=0), [None]):
            for resampled in resampler.resample(frame):
                samples.frombytes(bytes(resampled.planes[0])[: resampled.samples * 2])
    return samples.tolist()


def loudness(samples: list[int]) -> list[float]:
    """Return the root mean square of every block of 50 ms."""
    blocks = (samples[at : at + BLOCK] for at in range(0, len(samples) - BLOCK + 1, BLOCK))
    return [math.sqrt(sum(sample * sample for sample in block) / BLOCK) for block in blocks]


def similarity(one: Path, other: Path) -> float:
    """Return the correlation of the loudness of two recordings.

    The first may begin up to 150 ms late, as AAC does without an edit list.
    """
    first, second = loudness(decode(one)), loudness(decode(other))
    length = min(len(first), len(second)) - 3
    return max(
        statistics.correlation(first[late : late + length], second[:length]) for late in range(4)
    )


def spans(levels: list[float]) -> list[tuple[bool, float]]:
    """Return speech and pauses in turn: True for speech, and the seconds."""
    blocks = [
        (is_speech, len(list(group)) * BLOCK_SECONDS)
        for is_speech, group in itertools.groupby(levels, lambda level: level > SPEECH_RMS)
    ]
    joined = [(is_speech or seconds < PAUSE_SECONDS, seconds) for is_speech, seconds in blocks]
    return [
        (is_speech, sum(seconds for _, seconds in group))
        for is_speech, group in itertools.groupby(joined, lambda span: span[0])
    ]


def names_in(script: Path) -> dict[str, Any]:
    """Return the names that a script defines, without running its main function."""
    return runpy.run_path(str(script))


def run(script: Path, *arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a script as a user would, with the given search path for programs."""
    environment = os.environ | ({} if path is None else {"PATH": path})
    command = [sys.executable, str(script), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(name="standup", scope="module")
def _standup() -> list[float]:
    return loudness(decode(STANDUP))


def test_standup_lasts_about_a_minute(standup: list[float]) -> None:
    """The meeting is long enough for a search and short enough for a demonstration."""
    assert 40 <= len(standup) * BLOCK_SECONDS <= 90


def test_standup_is_small_mono_and_opus() -> None:
    """The recording is small mono Opus."""
    with av.open(STANDUP, "r") as container:
        (stream,) = container.streams
        assert isinstance(stream, av.AudioStream)
        assert (stream.codec_context.name, stream.channels) == ("opus", 1)
    assert STANDUP.stat().st_size <= 700_000


def test_standup_is_never_digitally_silent(standup: list[float]) -> None:
    """Every pause contains room noise, far below the speech."""
    assert 5 < min(standup) < SPEECH_RMS / 3


def test_standup_has_a_pause_around_every_turn(standup: list[float]) -> None:
    """The recording has as many spans of speech as the text has lines."""
    turns = names_in(MAKE_STANDUP)["turns"]()

    found = spans(standup)

    assert [is_speech for is_speech, _ in found] == [False, True] * len(turns) + [False]
    assert all(0.4 <= seconds <= 2 for is_speech, seconds in found if not is_speech)


def test_standup_turns_last_as_long_as_their_lines(standup: list[float]) -> None:
    """The length of each line correlates with the duration of its turn."""
    turns = names_in(MAKE_STANDUP)["turns"]()
    seconds = [seconds for is_speech, seconds in spans(standup) if is_speech]

    assert statistics.correlation([len(turn) for turn in turns], seconds) > 0.95


def test_standup_text_is_what_the_script_speaks() -> None:
    """The lines of the text file are the turns of the script."""
    lines = STANDUP.with_suffix(".txt").read_text("utf-8").splitlines()

    assert names_in(MAKE_STANDUP)["turns"]() == lines


@needs_flite
@pytest.mark.slow
def test_standup_can_be_made_again(tmp_path: Path) -> None:
    """The script reproduces the recording."""
    copy = tmp_path / "copy.ogg"

    finished = run(MAKE_STANDUP, "--output", str(copy))

    assert finished.returncode == 0, finished.stderr
    assert similarity(copy, STANDUP) > 0.99
    assert list(tmp_path.iterdir()) == [copy]


@every_script
def test_scripts_refuse_in_one_sentence_without_flite(script: Path, tmp_path: Path) -> None:
    """Without flite, nothing is written, and the message says what to install."""
    finished = run(script, "--output", str(tmp_path), path=str(tmp_path))

    assert finished.returncode == 1
    assert finished.stderr == (
        f"{script.name}: flite is not installed (on Debian: apt install flite).\n"
    )
    assert not list(tmp_path.iterdir())


@every_script
def test_scripts_keep_the_old_file_when_they_cannot_write(script: Path, tmp_path: Path) -> None:
    """A write that fails leaves neither a partial file nor a temporary one."""
    names = names_in(script)

    with pytest.raises(OSError, match="directory"):
        names["replace"](tmp_path, b"new")

    assert not list(tmp_path.parent.glob(f".{tmp_path.name}.*"))


def test_there_is_a_clip_for_every_kind() -> None:
    """The folder contains exactly the clips of this test and of the script."""
    assert {path.suffix[1:] for path in CLIPS.glob("clip.*")} == set(KINDS)
    assert set(names_in(MAKE_CLIPS)["ENCODINGS"]) == set(KINDS)


@every_clip
def test_clips_are_what_their_suffix_says(suffix: str) -> None:
    """The content of each clip has the container and codec of its suffix."""
    content = (CLIPS / f"clip.{suffix}").read_bytes()
    demuxer, codec, head = KINDS[suffix]

    with av.open(io.BytesIO(content), "r") as container:
        (stream,) = container.streams
        assert container.format.name == demuxer
        assert stream.codec_context.codec.canonical_name == codec
    assert re.match(head, content[:100], re.DOTALL)


@every_clip
def test_clips_last_as_long_as_the_wav(suffix: str) -> None:
    """Every clip decodes to the whole sentence, plus the padding of its codec."""
    with wave.open(str(CLIPS / "clip.wav")) as wav:
        expected = wav.getnframes() / wav.getframerate()

    duration = len(decode(CLIPS / f"clip.{suffix}")) / SAMPLE_RATE

    assert 1 <= expected <= 2
    assert duration == pytest.approx(expected, abs=0.15)


@every_clip
def test_clips_hold_the_same_speech(suffix: str) -> None:
    """The loudness of every clip follows that of the wav."""
    clip = CLIPS / f"clip.{suffix}"

    assert max(loudness(decode(clip))) > 1_000
    assert similarity(clip, CLIPS / "clip.wav") > 0.8


@needs_flite
def test_clips_can_be_made_again(tmp_path: Path) -> None:
    """The script reproduces the clips, the wav sample by sample."""
    finished = run(MAKE_CLIPS, "--output", str(tmp_path))

    assert finished.returncode == 0, finished.stderr
    assert decode(tmp_path / "clip.wav") == decode(CLIPS / "clip.wav")
    assert {path.name for path in tmp_path.iterdir()} == {f"clip.{suffix}" for suffix in KINDS}
