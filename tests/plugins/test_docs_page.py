"""Every command on the page about plugins prints what the page says."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from apertis_audio_tools.adapters.entry_points import HOST_PROGRAMS
from support.plugin_hosts import Host

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "plugins.md").read_text("utf-8")
HOSTS = {
    "Plugins: found by the programs you already run": "llm",
    "llm": "llm",
    "MarkItDown": "markitdown",
    "NeMo Agent Toolkit": "nat",
    "promptflow": "promptflow",
}
"""In whose environment the blocks under a heading are run."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def section(heading: str) -> str:
    """What stands under a heading."""
    return re.split(r"^## ", PAGE.partition(f"# {heading}\n")[2], flags=re.MULTILINE)[0]


def blocks(text: str, language: str) -> list[str]:
    """The blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def named(text: str) -> Iterator[tuple[str, str]]:
    """The files that blocks begin with the name of."""
    for block in [*blocks(text, "yaml"), *blocks(text, "python")]:
        if name := re.match(r"# (\S+)\n", block):
            yield name[1], block


def session(text: str) -> Iterator[tuple[str, str]]:
    """The commands, and what the page says they print."""
    for block in blocks(text, "console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, printed = part.partition("\n")
            yield command, printed


def is_as_said(printed: str, said: str) -> bool:
    """Whether something was printed as the page says, which leaves out what is irrelevant."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", printed)
    lines = "\n".join(line.rstrip() for line in plain.strip().splitlines())
    return bool(re.fullmatch(re.escape(said.strip()).replace(r"\.\.\.", ".*"), lines, re.DOTALL))


@pytest.mark.parametrize("heading", HOSTS)
def test_section(heading: str, host: Callable[[str], Host]) -> None:
    """The commands of a section, one after the other."""
    here = host(HOSTS[heading])
    text = section(heading)
    for name, content in named(text):
        (here.folder / name).parent.mkdir(exist_ok=True)
        (here.folder / name).write_text(content)
    for command, said in session(text):
        outcome = here.run(command)
        assert is_as_said(outcome.stdout, said), f"$ {command}\n{outcome.stdout}"


def test_pipeline(tmp_path: Path, sandbox_url: str) -> None:
    """A pipeline finds its components by name."""
    (tmp_path / "recordings").mkdir()
    (block,) = blocks(section("Your own pipeline"), "python")
    outcome = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"{block}\nprint(type(loader).__name__)"],
        cwd=tmp_path,
        env={"APERTIS_API_KEY": "sk-reader", "APERTIS_BASE_URL": sandbox_url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.stdout.strip() == "ApertisAudioLoader", outcome.stderr


def test_all_hosts_have_a_section() -> None:
    """Each program that reads entry points is on the page, with how it is installed."""
    for group, reader in HOST_PROGRAMS.items():
        assert reader.name in PAGE
        if not group.startswith("apertis"):
            assert reader.install in section(reader.name)


def test_something_is_run() -> None:
    """Every section but that about pipelines has commands."""
    assert all(list(session(section(heading))) for heading in HOSTS)
