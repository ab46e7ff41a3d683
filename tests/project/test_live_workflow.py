"""The workflow that records from the live service: which steps see the key, and what is kept."""

from typing import Any

import yaml  # type: ignore[import-untyped]

from support.cassettes.contradictions import FOLDER
from support.doc_pages import ROOT

WORKFLOW = ROOT / ".github" / "workflows" / "live.yml"
KEY = "${{ secrets.APERTIS_API_KEY }}"
RECORD = ".venv/bin/python -m pytest --record-mode=rewrite -m vcr"


def steps() -> list[dict[str, Any]]:
    """Return the steps of the only job."""
    (job,) = yaml.safe_load(WORKFLOW.read_text("utf-8"))["jobs"].values()
    assert job["env"] == {"HAS_KEY": "${{ secrets.APERTIS_API_KEY != '' }}"}
    return list(job["steps"])


def test_only_the_recording_step_sees_the_key() -> None:
    """The key is in the environment of one step, which installs nothing."""
    seeing = [step for step in steps() if "secrets." in str(step)]
    assert [(step["run"], step["env"]) for step in seeing] == [(RECORD, {"APERTIS_API_KEY": KEY})]
    assert WORKFLOW.read_text("utf-8").count("secrets.") == 2


def test_installing_comes_before() -> None:
    """A step of its own installs what the recording needs."""
    runs = [step.get("run", "").partition(" #")[0] for step in steps()]
    assert runs.index("make .venv/.dev") < runs.index(RECORD)


def test_contradictions_are_an_artifact() -> None:
    """Responses that contradict a test are uploaded even if the recording failed."""
    upload = steps()[-1]
    assert upload["uses"].startswith("actions/upload-artifact@")
    assert upload["if"].startswith("always()")
    assert upload["with"]["path"] == f"{FOLDER}/"


def test_contradictions_are_not_in_git() -> None:
    """The folder is ignored, so that nobody commits it by mistake."""
    assert f"/{FOLDER}/" in (ROOT / ".gitignore").read_text("utf-8").splitlines()
