"""The tests mirror the package, and paths that the project's files mention exist."""

import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from support.doc_pages import ROOT

PACKAGE = ROOT / "src" / "apertis_audio_tools"
TESTS = ROOT / "tests"
CROSS_CUTTING = {
    "cassettes",
    "clips",
    "faults",
    "hostile",
    "project",
    "service",
    "support",
    "typing",
}
"""Folders of tests and helpers that belong to no single package."""
RENAMED = {"ray": "ray_data"}
"""Folders of tests that would be found in place of a package that need not be installed."""

PAGES = sorted(
    page
    for folder in ("docs", "cassettes", "examples", "tests", "")
    for page in (ROOT / folder).glob("**/*.md" if folder else "*.md")
)
PATH = re.compile(r"\b(?:src|tests|docs|examples|benchmarks|cassettes)/[\w./-]*\w")
TEXTS = [*PAGES, ROOT / "Makefile", *sorted((ROOT / ".github").rglob("*.yml"))]


def name_of(path: Path) -> str:
    """Return the path of a file below the project, for the ids of tests."""
    return str(path.relative_to(ROOT))


def test_folders_of_tests_are_packages() -> None:
    """Every folder of tests is named like a package, or is listed as cross-cutting."""
    folders = {path.parent.relative_to(TESTS) for path in TESTS.rglob("test_*.py")}
    folders -= {Path(name) for name in RENAMED.values()}
    mirrored = {each for each in folders if each.parts and each.parts[0] not in CROSS_CUTTING}
    assert {each for each in mirrored if not (PACKAGE / each / "__init__.py").is_file()} == set()


def test_packages_have_tests() -> None:
    """Every package at the root has a folder of tests."""
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert {
        name for name in packages if not [*(TESTS / RENAMED.get(name, name)).rglob("test_*.py")]
    } == set()


def test_no_test_file_name_occurs_three_times() -> None:
    """The name of a test file occurs at most twice, so that the file is found by its name."""
    names = Counter(path.name for path in TESTS.rglob("test_*.py"))
    assert {name for name, count in names.items() if count > 2} == set()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files(page: Path) -> None:
    """Relative links of a page lead to existing files."""
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8"))
    relative = [link for link in links if not link.startswith(("http:", "https:"))]
    assert [link for link in relative if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("file", TEXTS, ids=name_of)
def test_mentioned_paths_exist(file: Path) -> None:
    """Paths of the project that a page, the Makefile or a workflow mentions exist."""
    paths = set(PATH.findall(file.read_text("utf-8")))
    assert {path for path in paths if not (ROOT / path).exists()} == set()


def test_modules_named_in_the_architecture_exist() -> None:
    """Every dotted name on the page about the architecture is a module."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    names = set(re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)`", page)) - {"pyproject.toml"}
    assert names
    paths = {name: PACKAGE.joinpath(*name.split(".")) for name in names}
    found = {
        name for name, path in paths.items() if path.is_dir() or path.with_suffix(".py").is_file()
    }
    assert names - found == set()


def test_mutated_modules_and_their_tests_exist() -> None:
    """The modules that `make mutants` mutates and the tests that it runs exist."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["mutmut"]
    paths = settings["only_mutate"] + settings["pytest_add_cli_args_test_selection"]
    assert [path for path in paths if not (ROOT / path).exists()] == []
