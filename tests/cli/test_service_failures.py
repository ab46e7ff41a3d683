"""What the command says when the service fails: how it waits, and what the next try will cost."""

import logging
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from apertis_audio_tools.cli import app
from apertis_audio_tools.cli.session import session
from support.loopback import Exchange, Loopback
from support.scripted_responses import json_answer

STANDUP = Path(__file__).parents[2] / "examples" / "data" / "standup.ogg"
SAID = json_answer({"text": "Once."})
EMPTY = json_answer({"error": {"message": "Your balance is empty."}}, status=402)
KEPT = "What was answered is kept: the same command sends only the rest."


def apertis(server: Loopback, monkeypatch: pytest.MonkeyPatch, *args: object) -> Result:
    """The outcome of the command, asked of a server."""
    monkeypatch.setenv("APERTIS_BASE_URL", server.url)
    monkeypatch.setenv("APERTIS_API_KEY", "sk-anybody")
    return CliRunner().invoke(app, [str(arg) for arg in args])


class Account:
    """Pays for two answers, and for more when more is paid in."""

    def __init__(self) -> None:
        self.credit = 2

    def __call__(self, exchange: Exchange) -> None:
        """Take the price of an answer."""
        self.credit -= 1
        (SAID if self.credit >= 0 else EMPTY)(exchange)


def test_an_empty_balance(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The sentence is followed by what is kept, and the same command goes on from there."""
    monkeypatch.setenv("APERTIS_AUDIO_CACHE", str(tmp_path))
    asked = ("transcribe", STANDUP, "--piece-seconds", 10)
    account = Account()
    with Loopback([account]) as server:
        outcome = apertis(server, monkeypatch, *asked)
        assert outcome.exit_code == 1
        assert "Your balance is empty (402)." in outcome.stderr
        assert KEPT in outcome.stderr
        account.credit = 1_000
        assert apertis(server, monkeypatch, *asked).exit_code == 0
        again = 1_000 - account.credit
        assert apertis(server, monkeypatch, *asked, "--no-cache").exit_code == 0
        assert 1_000 - account.credit - again == again + 2


@pytest.mark.parametrize("setting", ["", "no-cache"])
def test_nothing_is_kept(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is kept, nothing is promised."""
    monkeypatch.setenv("APERTIS_AUDIO_CACHE", "")
    asked = ["transcribe", STANDUP, "--piece-seconds", 10, *(["--no-cache"] if setting else [])]
    with Loopback([Account()]) as server:
        assert KEPT not in apertis(server, monkeypatch, *asked).stderr


def test_many_requests_fail_of_one_cause(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only one of them is told of, until it has waited."""
    monkeypatch.setenv("APERTIS_API_KEY", "sk-anybody")
    logger = logging.getLogger("apertis_audio_tools")
    with session(sandbox=False):
        for why, wait in [("Busy", 3600.0), ("Busy", 3600.0), ("Lost", 0.0), ("Lost", 0.0)]:
            logger.info("%s, waiting", why, extra={"why": why, "wait": wait})
    told = capsys.readouterr().err
    assert (told.count("Busy"), told.count("Lost")) == (1, 2)


def test_ask_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty question is not sent."""
    with Loopback([SAID]) as server:
        assert apertis(server, monkeypatch, "ask", " ").exit_code == 2
        assert server.requests == []


def test_a_file_is_no_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Transcripts cannot go into a file; that is said before anything is sent."""
    place = tmp_path / "notes"
    place.write_text("mine")
    with Loopback([SAID]) as server:
        outcome = apertis(server, monkeypatch, "transcribe", STANDUP, "-o", place)
        assert server.requests == []
    assert outcome.exit_code == 1
    assert f"{place} cannot be a folder" in outcome.stderr.replace("\n", "")
    assert "Errno" not in outcome.stderr
