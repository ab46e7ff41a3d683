"""Programs that load plugins, each in its own virtual environment."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "llm": ["llm"],
    "markitdown": ["markitdown"],
    "nat": ["nvidia-nat-core", "packaging", "langchain-core"],
}
NO_INDEX = ("NewConnectionError", "Name or service not known", "ConnectTimeoutError")

MODEL = """
- model_id: sandbox
  model_name: gpt-4o-audio-preview
  api_base: {url}
  api_key_name: apertis
  supports_tools: true
  can_stream: false
"""


@dataclass(frozen=True)
class Host:
    """A folder with recordings, and the environment variables of its commands."""

    folder: Path
    variables: dict[str, str]

    def run(self, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command line; its output and errors are in one stream, as on a terminal."""
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env={**self.variables, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def python(self, program: str, **variables: str) -> str:
        """Run a Python program that must succeed, and return its output."""
        (self.folder / "program.py").write_text(program)
        outcome = self.run("python -W ignore program.py", **variables)
        assert outcome.returncode == 0, outcome.stdout
        return outcome.stdout


def build(environment: Path, packages: list[str]) -> None:
    """Install the packages and this one, unless they are installed already."""
    stamp, inputs = environment / "built", f"{packages}\n{(ROOT / 'pyproject.toml').read_text()}"
    if stamp.exists() and stamp.read_text() == inputs:
        return
    if not environment.exists():
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = str(environment / "bin" / "python")
    command = [python, "-m", "pip", "install", "--quiet", *packages, "--editable", f"{ROOT}[cli]"]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    if any(words in outcome.stderr for words in NO_INDEX):
        pytest.skip(f"pip reaches no package index to install {packages}")
    assert outcome.returncode == 0, outcome.stderr
    stamp.write_text(inputs)


def variables_of(environment: Path, folder: Path, url: str) -> dict[str, str]:
    """Return the environment variables of a user with a key and with settings of llm."""
    (folder / "llm").mkdir()
    (folder / "llm" / "extra-openai-models.yaml").write_text(MODEL.format(url=url))
    (folder / "llm" / "default_model.txt").write_text("sandbox")
    return {
        "APERTIS_API_KEY": "sk-reader",
        "APERTIS_AUDIO_CACHE": str(folder / "cache"),
        "APERTIS_BASE_URL": url,
        "COLUMNS": "80",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "LLM_USER_PATH": str(folder / "llm"),
        "OPENAI_API_KEY": "sk-reader",
        "PATH": f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONWARNINGS": "ignore",
    }
