"""The command tells speakers apart by channel or by track."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from apertis_audio_tools.cli.commands import app
from apertis_audio_tools.sandbox import Sandbox
from support.channel_recordings import beacons, write_channels


def test_speakers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names stand before the words; wrong lists and options are wrong usage."""
    path = tmp_path / "call.wav"
    path.write_bytes(write_channels([beacons(1, None), beacons(None, 2), beacons(None, None)]))
    with Sandbox(recogniser="beacon") as url:
        monkeypatch.setenv("APERTIS_BASE_URL", url)
        monkeypatch.setenv("APERTIS_API_KEY", "sk-payg-1234")

        def run(command: str, *options: str) -> tuple[int, str, str]:
            done = CliRunner().invoke(app, [command, str(path), "--no-cache", *options])
            return done.exit_code, done.stdout, done.stderr

        channels = ("--speakers", "channels")
        code, shown, noted = run("transcribe", *channels, "--format", "text")
        assert (code, shown) == (0, "Speaker 1: 00001\nSpeaker 2: 00002\n")
        assert "Channel 2 has no voice of its own" in noted
        named = (*channels, "--channels", "1, 0", "--speaker-names", "Guest, Host")
        assert run("translate", *named)[1] == "[00:00:00] Host: 00001\n[00:00:02] Guest: 00002\n"
        segments = json.loads(run("transcribe", *named, "--format", "json")[1])["segments"]
        assert [each["speaker"] for each in segments] == ["Host", "Guest"]
        assert run("transcribe", *channels, "--channels", "0;1")[0] == 2
        assert run("transcribe", "--speakers", "voices")[0] == 2
        assert run("transcribe", *channels, "--track", "0")[0] == 2
        code, _, noted = run("transcribe", "--speakers", "tracks")
        assert code == 1
        assert "has one audio track" in noted
