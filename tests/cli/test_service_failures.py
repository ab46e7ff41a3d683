"""Failures of the service: retries, and the cost of another run."""

import logging
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from apertis_audio_tools.cli import app
from apertis_audio_tools.cli.session import open_session
from support.loopback_server import Exchange, LoopbackServer
from support.scripted_responses import respond_json

STANDUP = Path(__file__).parents[2] / "examples" / "data" / "standup.ogg"
TRANSCRIPT = respond_json({"text": "Once."})
EMPTY = respond_json({"error": {"message": "Your balance is empty."}}, status=402)
CACHED = "Finished pieces are cached: the same command sends only the rest."


def apertis(server: LoopbackServer, monkeypatch: pytest.MonkeyPatch, *args: object) -> Result:
    """Run the command against a server."""
    monkeypatch.setenv("APERTIS_BASE_URL", server.url)
    monkeypatch.setenv("APERTIS_API_KEY", "sk-anybody")
    return CliRunner().invoke(app, [str(arg) for arg in args])


class Account:
    """Server behaviour with credit for two responses."""

    def __init__(self) -> None:
        self.credit = 2

    def __call__(self, exchange: Exchange) -> None:
        """Deduct the price of a response."""
        self.credit -= 1
        (TRANSCRIPT if self.credit >= 0 else EMPTY)(exchange)


def test_empty_balance(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Finished pieces are cached, and the same command sends only the others."""
    monkeypatch.setenv("APERTIS_AUDIO_CACHE", str(tmp_path))
    command = ("transcribe", STANDUP, "--piece-seconds", 10)
    account = Account()
    with LoopbackServer([account]) as server:
        outcome = apertis(server, monkeypatch, *command)
        assert outcome.exit_code == 1
        assert "Your balance is empty (402)." in outcome.stderr
        assert CACHED in outcome.stderr
        account.credit = 1_000
        assert apertis(server, monkeypatch, *command).exit_code == 0
        sent = 1_000 - account.credit
        assert apertis(server, monkeypatch, *command, "--no-cache").exit_code == 0
        assert 1_000 - account.credit - sent == sent + 2


@pytest.mark.parametrize("setting", ["", "no-cache"])
def test_no_cache(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a cache, there is no note about cached pieces."""
    monkeypatch.setenv("APERTIS_AUDIO_CACHE", "")
    command = ["transcribe", STANDUP, "--piece-seconds", 10, *(["--no-cache"] if setting else [])]
    with LoopbackServer([Account()]) as server:
        assert CACHED not in apertis(server, monkeypatch, *command).stderr


def test_repeated_reasons(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A reason for retries is shown once until its wait is over."""
    monkeypatch.setenv("APERTIS_API_KEY", "sk-anybody")
    logger = logging.getLogger("apertis_audio_tools")
    with open_session(sandbox=False):
        for why, wait in [("Busy", 3600.0), ("Busy", 3600.0), ("Lost", 0.0), ("Lost", 0.0)]:
            logger.info("%s, waiting", why, extra={"why": why, "wait": wait})
    shown = capsys.readouterr().err
    assert (shown.count("Busy"), shown.count("Lost")) == (1, 2)


def test_empty_question(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty question is refused."""
    with LoopbackServer([TRANSCRIPT]) as server:
        assert apertis(server, monkeypatch, "ask", " ").exit_code == 2
        assert server.requests == []


def test_file_as_output_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file as output folder is refused before anything is sent."""
    path = tmp_path / "notes"
    path.write_text("mine")
    with LoopbackServer([TRANSCRIPT]) as server:
        outcome = apertis(server, monkeypatch, "transcribe", STANDUP, "-o", path)
        assert server.requests == []
    assert outcome.exit_code == 1
    assert f"{path} cannot be a folder" in outcome.stderr.replace("\n", "")
    assert "Errno" not in outcome.stderr
