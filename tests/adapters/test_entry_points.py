"""The entry points of the package, and the objects behind them."""

import subprocess
import sys
import tomllib
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pytest
from typer.testing import CliRunner

from apertis_audio_tools.adapters.entry_points import (
    HOST_PROGRAMS,
    Host,
    Registration,
    list_registrations,
)
from apertis_audio_tools.cli import app

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
DECLARED: dict[str, dict[str, str]] = PROJECT["project"]["entry-points"]
ADAPTERS = {
    "apertis_audio_tools.langchain": "apertis-audio-tools[langchain]",
    "apertis_audio_tools.llama_index": "apertis-audio-tools[llama-index]",
}
"""The groups of the adapters, named after their packages, and the extra of each."""
COMPONENTS = [(group, name) for group in ADAPTERS for name in DECLARED[group]]

WITHOUT = """
import sys
from importlib.metadata import entry_points
sys.modules[{module!r}] = None
for each in entry_points(group={group!r}):
    try:
        each.load()
    except ImportError as error:
        print(each.name, error)
"""
LISTING = """
import sys
from apertis_audio_tools.adapters.entry_points import list_registrations
assert any(each.host.is_installed for each in list_registrations())
print(*sys.modules)
"""
LOADING = """
import sys
import apertis_audio_tools.plugins.{name}
print(*sys.modules)
"""


def python(program: str) -> str:
    """Run a program in a new interpreter, and return its output."""
    command = [sys.executable, "-W", "error", "-c", program]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("group", ADAPTERS)
def test_components(group: str) -> None:
    """Exactly the public components of an adapter are registered, under their own names."""
    components = {name for name in import_module(group).__all__ if not name.endswith("Event")}
    assert set(DECLARED[group]) == components


@pytest.mark.parametrize(("group", "name"), COMPONENTS)
def test_loading(group: str, name: str) -> None:
    """The object registered under a name is the one the adapter has under it."""
    entry = EntryPoint(name, DECLARED[group][name], group)
    assert entry.load() is getattr(import_module(group), name)


def test_installed() -> None:
    """The installed entry points are those of pyproject.toml (if not, reinstall)."""
    declared = {
        Registration(group, name, value)
        for group, entries in DECLARED.items()
        for name, value in entries.items()
    }
    assert set(list_registrations()) == declared
    assert set(DECLARED) == set(HOST_PROGRAMS)


@pytest.mark.parametrize(("group", "extra"), ADAPTERS.items())
def test_without_framework(group: str, extra: str) -> None:
    """Without its framework, loading a component fails with an error that names the extra."""
    printed = python(WITHOUT.format(module=HOST_PROGRAMS[group].module, group=group))
    lines = dict(line.split(" ", 1) for line in printed.splitlines())
    assert set(lines) == {each.name for each in entry_points(group=group)}
    assert all(f'pip install "{extra}"' in line for line in lines.values())


def test_command() -> None:
    """The command lists every registration, and whether its program is installed."""
    printed = CliRunner().invoke(app, ["plugins"]).stdout
    rows = [line.split("\t") for line in printed.splitlines()]
    assert [(row[0], row[1]) for row in rows] == [(r.group, r.name) for r in list_registrations()]
    installed = {row[0]: row[3] for row in rows}
    assert installed["apertis_audio_tools.langchain"] == "yes"
    assert set(installed.values()) <= {"yes", "no"}


@pytest.mark.parametrize("module", ["no_such_module", "no_such.module", "json.no_such_module"])
def test_not_installed(module: str) -> None:
    """A module that does not exist is not installed, at any depth."""
    assert not Host("It", module, "pip install it").is_installed


def test_listing_imports_no_framework() -> None:
    """Checking whether frameworks are installed imports none of them."""
    loaded = set(python(LISTING).split())
    assert not loaded & {host.module for host in HOST_PROGRAMS.values()}


@pytest.mark.parametrize("name", ["markitdown"])
def test_modules_are_light(name: str) -> None:
    """A plugin module that needs nothing of its program imports nothing large."""
    heavy = {"av", "httpx", "markitdown", "pydantic", "tenacity"}
    assert not set(python(LOADING.format(name=name)).split()) & heavy


def test_llamahub() -> None:
    """The metadata for LlamaHub names a package that exists."""
    assert import_module(PROJECT["tool"]["llamahub"]["import_path"]).__all__
