"""Every command on the page about plugins prints the output on the page."""

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
    "Plugins for other programs": "llm",
    "llm": "llm",
    "MarkItDown": "markitdown",
    "NeMo Agent Toolkit": "nat",
}
"""Environment in which the blocks below a heading are run."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def section(heading: str) -> str:
    """Return the text below a heading."""
    return re.split(r"^## ", PAGE.partition(f"# {heading}\n")[2], flags=re.MULTILINE)[0]


def blocks(text: str, language: str) -> list[str]:
    """Return the code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def named_files(text: str) -> Iterator[tuple[str, str]]:
    """Yield name and content of the blocks that begin with a file name."""
    for block in [*blocks(text, "yaml"), *blocks(text, "python")]:
        if name := re.match(r"# (\S+)\n", block):
            yield name[1], block


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Yield the commands and their expected output."""
    for block in blocks(text, "console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield command, output


def matches(printed: str, expected: str) -> bool:
    """Return whether output is as expected, where `...` stands for any text."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", printed)
    lines = "\n".join(line.rstrip() for line in plain.strip().splitlines())
    return bool(
        re.fullmatch(re.escape(expected.strip()).replace(r"\.\.\.", ".*"), lines, re.DOTALL)
    )


@pytest.mark.parametrize("heading", HOSTS)
def test_section(heading: str, host: Callable[[str], Host]) -> None:
    """The commands of a section, run in order, print the output on the page."""
    here = host(HOSTS[heading])
    text = section(heading)
    for name, content in named_files(text):
        (here.folder / name).parent.mkdir(exist_ok=True)
        (here.folder / name).write_text(content)
    for command, expected in commands(text):
        outcome = here.run(command)
        assert matches(outcome.stdout, expected), f"$ {command}\n{outcome.stdout}"


def test_pipeline(tmp_path: Path, sandbox_url: str) -> None:
    """The pipeline on the page finds its components by name."""
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
    """Each program that reads entry points is on the page, with its installation command."""
    for group, reader in HOST_PROGRAMS.items():
        assert reader.name in PAGE
        if not group.startswith("apertis"):
            assert reader.install in section(reader.name)


def test_all_sections_have_commands() -> None:
    """Every section except the one about pipelines has commands."""
    assert all(list(commands(section(heading))) for heading in HOSTS)
