"""Responses that contradict a test are kept in a folder of their own, without keys and audio."""

import base64
import subprocess
import urllib.parse
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from vcr.request import Request  # type: ignore[import-untyped]

from apertis_audio_tools.sandbox import Sandbox, SpeechSegment
from support.cassettes import contradictions
from support.cassettes.audit import audit
from support.cassettes.canonical import canonical_request
from support.cassettes.local_recording import FORGED_KEY
from support.cassettes.shapes import main
from support.wav_files import silent_wav

CLIP = silent_wav(8000)
TESTS = """
import pytest
from apertis_audio_tools import ApertisAudio
from support.wav_files import silent_wav

@pytest.fixture
def client(service):
    with ApertisAudio(service.api_key, base_url=service.base_url, max_retries=0) as audio:
        yield audio

@pytest.mark.vcr
@pytest.mark.parametrize("response_format", ["json", "verbose_json"])
def test_words(client, response_format):
    clip = ("clip.wav", silent_wav(8000))
    transcript = client.transcribe(clip, model="whisper-1", response_format=response_format)
    assert transcript.text == "All is well."

@pytest.mark.vcr
def test_models(client):
    assert "whisper-1" in client.models()
"""
RECORD_WORDS = ("--record-mode=rewrite", "-k", "words", "--tb=no", "-rN")
KEPT = "apertis-live/area/test_words-json.yaml"


class FixedRecogniser:
    """A recogniser that recognises the same text in every recording."""

    def __init__(self, text: str) -> None:
        self._text = text

    def recognise(self, _: bytes) -> Iterable[SpeechSegment]:
        """Return one segment."""
        return [SpeechSegment(0, 1, self._text)]


def files_in(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(name="project")
def _project(
    recording_project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> pytest.Pytester:
    """Return a project whose committed cassettes agree with its tests."""
    recording_project.makepyfile(test_area=TESTS)
    with Sandbox(recogniser=FixedRecogniser("All is well.")) as url:
        monkeypatch.setenv("SANDBOX_URL", url)
        result = recording_project.runpytest_inprocess("--record-mode=rewrite")
    result.assert_outcomes(passed=3)
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@x", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "cassettes"], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *command], check=True, cwd=recording_project.path)
    return recording_project


@pytest.fixture(name="live_project")
def _live_project(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> Iterator[pytest.Pytester]:
    """Yield the project in a live run with a service that hears something else: the key."""
    with Sandbox(recogniser=FixedRecogniser(f"All is lost with {FORGED_KEY}.")) as url:
        monkeypatch.setenv("APERTIS_API_KEY", FORGED_KEY)
        monkeypatch.setenv("APERTIS_BASE_URL", url)
        yield project


def test_contradictions_are_kept(
    live_project: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    """A response that contradicts a test fails the run, and is kept and reported."""
    before = files_in(live_project.path / "cassettes")
    result = live_project.runpytest_inprocess(*RECORD_WORDS)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert files_in(live_project.path / "cassettes") == before
    assert audit(live_project.path / "cassettes") == []
    kept = files_in(live_project.path / "contradictions")
    assert set(kept) == {KEPT, KEPT.replace("json", "verbose_json")}
    assert b"All is lost with [API key]." in kept[KEPT]
    capsys.readouterr()
    main(live_project.path / "cassettes")
    report = capsys.readouterr().out
    assert "no changes\nContradictions, kept in contradictions/ (cassettes: 2):\n" in report
    assert f"{KEPT}\n  has the shape of the committed cassette" in report


def test_no_key_and_no_audio(live_project: pytest.Pytester) -> None:
    """A kept response contains neither the key, nor the uploaded audio, nor other headers."""
    live_project.runpytest_inprocess(*RECORD_WORDS)
    assert b"RIFF" in CLIP[:44]
    kept = b"".join(files_in(live_project.path / "contradictions").values())
    assert FORGED_KEY.encode() not in kept
    assert b"RIFF" not in kept
    assert b"sha256" in kept
    assert b"authorization" not in kept.lower()
    assert b"127.0.0.1" not in kept


def test_a_later_success_removes_what_was_kept(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test that is recorded without a failure is no longer contradicted."""
    for text, kept in (("All is lost.", 2), ("All is well.", 0)):
        with Sandbox(recogniser=FixedRecogniser(text)) as url:
            monkeypatch.setenv("SANDBOX_URL", url)
            project.runpytest_inprocess("--record-mode=rewrite")
        assert len(list((project.path / "contradictions").rglob("*.yaml"))) == kept


def test_new_tests_are_kept_too(
    project: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    """A contradiction without a committed cassette is reported as new."""
    renamed = TESTS.replace("test_words", "test_others").replace("is well", "is bad")
    project.makepyfile(test_area=renamed)
    with Sandbox(recogniser=FixedRecogniser("Hm.")) as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SANDBOX_URL", url)
        project.runpytest_inprocess("--record-mode=rewrite", "-k", "others")
    capsys.readouterr()
    main(project.path / "cassettes")
    assert "sandbox/area/test_others-json.yaml\n  is new\n" in capsys.readouterr().out


FORMS = {
    "plain": FORGED_KEY,
    "upper": FORGED_KEY.upper(),
    "percent": urllib.parse.quote(FORGED_KEY.replace("_", "%5F")),
    "base64": base64.b64encode(f"Bearer {FORGED_KEY}".encode()).decode(),
    "hexadecimal": FORGED_KEY.encode().hex(),
    "json": FORGED_KEY.replace("_", "\\u005f"),
    "other": "sk-another_0123456789",
    "bearer": "Bearer abcdefghijkl",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("place", ["body", "binary", "header", "status", "request"])
def test_keys_are_redacted(tmp_path: Path, place: str, form: str) -> None:
    """The key in use in any form, and what looks like a key, is replaced wherever it is."""
    text = f"invalid {FORMS[form]}!"
    body = b"\xff" * 3000 + text.encode() if place == "binary" else text.encode()
    response = {
        "status": {"code": 401, "message": text if place == "status" else "no"},
        "headers": {"x-request-id": [text if place == "header" else "1"]},
        "body": {"string": body if place in ("body", "binary") else b""},
    }
    url = f"https://api.apertis.ai/v1/{text if place == 'request' else 'x'}"
    request = canonical_request(Request("POST", url, text if place == "request" else "", {}))
    contradictions.keep(tmp_path, "a/b.yaml", [request], [response], FORGED_KEY)
    kept = b"".join(files_in(tmp_path).values()).decode("latin-1")
    assert FORMS[form] not in kept
    assert "[API key]" in kept
    assert "invalid" in kept
