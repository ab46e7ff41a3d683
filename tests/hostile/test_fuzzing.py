"""Broken recordings end in a right answer or a typed error, never in anything else."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apertis_audio_tools.audio import cut_pieces, probe
from apertis_audio_tools.errors import RecordingError
from support.hostile.bombs import BOMBS
from support.hostile.fuzz_corpus import damaged
from support.hostile.fuzz_target import tried
from support.hostile.samples import samples

FUZZ = Path(__file__).parents[2] / "benchmarks" / "fuzz.py"
HEADS = sorted({data[:length] for data in samples().values() for length in (4, 12, 64)})


@pytest.mark.slow
def test_broken_recordings() -> None:
    """A sample of what the benchmark tries by the thousand: truncated and damaged recordings."""
    command = [sys.executable, str(FUZZ), "--count=60", "--step=9970", "--workers=1"]
    tried_out = subprocess.run(command, capture_output=True, text=True, check=False)
    assert tried_out.returncode == 0, tried_out.stdout + tried_out.stderr
    assert "0 faults" in tried_out.stdout


@settings(max_examples=60)
@given(st.sampled_from(HEADS), st.binary(max_size=300))
def test_any_bytes(head: bytes, rest: bytes) -> None:
    """Whatever follows the first bytes of a recording, nothing but typed errors come of it."""
    assert len(tried(head + rest)) > 0


@pytest.mark.parametrize("name", samples())
def test_whole_recordings(name: str) -> None:
    """Each recording that is broken here can be read while it is whole."""
    outcomes = tried(samples()[name])
    assert outcomes[0] == outcomes[1] == outcomes[4] == outcomes[5] == "fine"


@pytest.mark.parametrize("number", [165, 296, 956, 1761, 30784, 200783, 201751, 202465])
def test_faults_found_before(number: int) -> None:
    """What once hung or ended in another error does not any more."""
    _, data = damaged(number)
    assert len(tried(data)) > 0


def test_sound_that_cannot_be_decoded() -> None:
    """A recording of which nothing can be decoded is refused, not answered with no pieces."""
    data = BOMBS["mkv of 10,000 tracks"]()
    with pytest.raises(RecordingError, match="contains no audio that can be decoded"):
        list(cut_pieces(probe(data), max_bytes=10**8, upload_format="opus"))
