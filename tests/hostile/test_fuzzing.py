"""Broken recordings end in a right result or a typed error, and in nothing else."""

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
from support.hostile.fuzz_target import check_all
from support.hostile.samples import samples

FUZZ = Path(__file__).parents[2] / "benchmarks" / "fuzz.py"
HEADS = sorted({data[:length] for data in samples().values() for length in (4, 12, 64)})


@pytest.mark.slow
def test_broken_recordings() -> None:
    """Truncated and damaged recordings, a sample of those of the benchmark, raise typed errors."""
    command = [sys.executable, str(FUZZ), "--count=30", "--step=9970", "--bombs=2", "--workers=1"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 faults" in result.stdout


@settings(max_examples=60)
@given(st.sampled_from(HEADS), st.binary(max_size=300))
def test_any_bytes(head: bytes, rest: bytes) -> None:
    """Any bytes after the first ones of a recording raise typed errors only."""
    assert len(check_all(head + rest)) > 0


@pytest.mark.parametrize("name", samples())
def test_whole_recordings(name: str) -> None:
    """Each recording that is damaged in these tests can be read undamaged."""
    outcomes = check_all(samples()[name])
    assert outcomes[0] == outcomes[1] == outcomes[4] == outcomes[5] == "fine"


@pytest.mark.parametrize("number", [165, 296, 956, 1761, 4646, 6698, 30784, 200783, 201751, 202465])
def test_faults_found_before(number: int) -> None:
    """Recordings that once hung or raised another error do not any more."""
    _, data = damaged(number)
    assert len(check_all(data)) > 0


def test_audio_that_cannot_be_decoded() -> None:
    """A recording of which nothing can be decoded is refused, and not cut into no pieces."""
    data = BOMBS["mkv of many tracks"]()
    with pytest.raises(RecordingError, match="cannot be decoded: its first 1 packets are damaged"):
        list(cut_pieces(probe(data), max_bytes=10**8, upload_format="opus"))
