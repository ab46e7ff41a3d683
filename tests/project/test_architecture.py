"""Who may import whom: read from the source, so that the layers stay layers."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

import apertis_audio_tools

PACKAGE = "apertis_audio_tools"
ROOT = Path(apertis_audio_tools.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))

SPINE = {
    "answers",
    "cache",
    "calls",
    "colours",
    "discretion",
    "drivers",
    "errors",
    "jobs",
    "many",
    "models",
    "progress",
    "recitals",
    "recordings",
    "results",
    "retry",
    "settings",
    "stitching",
    "transport",
    "waiting",
    "wire",
    "writing",
}
MAY_IMPORT: dict[str, set[str]] = {
    "__init__": set(),
    "__main__": {"cli"},
    "access": {"errors", "paths"},
    "answers": {"errors", "wire"},
    "borrowing": {"cache", "client", "errors", "forks", "models", "settings"},
    "cache": {"errors", "forks", "paths", "results"},
    "calls": {"answers", "errors", "models", "passages", "results", "subtitles", "wire"},
    "cli": {
        "",
        "cache",
        "client",
        "errors",
        "many",
        "models",
        "progress",
        "recordings",
        "registered",
        "results",
        "sandbox",
        "writing",
    },
    "client": SPINE,
    "colours": {"calls", "discretion", "drivers", "jobs", "many", "results"},
    "discretion": {"errors"},
    "drivers": {
        "calls",
        "discretion",
        "errors",
        "forks",
        "jobs",
        "many",
        "recitals",
        "recordings",
        "results",
        "retry",
        "transport",
        "waiting",
        "wire",
    },
    "conversations": {"access", "errors", "recordings", "results"},
    "documents": {"errors", "results", "subtitles"},
    "echoes": {"passages", "results"},
    "errors": set(),
    "finding": {"errors", "paths"},
    "forks": set(),
    "jobs": {
        "cache",
        "calls",
        "discretion",
        "errors",
        "recordings",
        "results",
        "stitching",
        "waiting",
    },
    "langchain": {
        "",
        "access",
        "borrowing",
        "cache",
        "client",
        "conversations",
        "documents",
        "errors",
        "finding",
        "many",
        "models",
        "progress",
        "reading",
        "recordings",
        "results",
        "settings",
        "tools",
        "registered",
    },
    "llama_index": {
        "access",
        "borrowing",
        "client",
        "conversations",
        "documents",
        "errors",
        "finding",
        "many",
        "models",
        "reading",
        "recordings",
        "results",
        "settings",
        "tools",
        "registered",
    },
    "many": {"discretion", "errors", "jobs", "progress", "recordings", "results", "waiting"},
    "models": {"errors"},
    "notebooks": set(),
    "passages": set(),
    "paths": {"errors"},
    "plugins": {
        "__main__",
        "access",
        "client",
        "errors",
        "finding",
        "forks",
        "results",
        "tools",
        "cache",
    },
    "recitals": {
        "answers",
        "calls",
        "errors",
        "models",
        "recordings",
        "results",
        "sentences",
        "wire",
        "writing",
    },
    "reading": {"client", "documents", "errors", "many", "models", "recordings", "results"},
    "progress": {"errors"},
    "recordings": {"errors", "forks", "models", "paths", "wire"},
    "registered": set(),
    "results": {"errors", "notebooks", "passages", "subtitles"},
    "retry": {"errors", "forks"},
    "sandbox": set(),
    "sentences": {"passages"},
    "settings": {"errors"},
    "stitching": {"echoes", "errors", "passages", "results"},
    "subtitles": set(),
    "tools": {"access", "client", "errors", "forks", "recordings", "results"},
    "transport": {"answers", "errors", "forks", "wire"},
    "waiting": {"forks"},
    "wire": {"errors"},
    "writing": {"errors"},
}
"""What each part of the package may import of the others; "" is the package itself."""

MAY_IMPORT_ALONE = {
    "av": {"recordings", "sandbox"},
    "httpcore": {"transport"},
    "httpx": {"transport"},
    "langchain_core": {"langchain"},
    "llama_index": {"llama_index"},
    "llm": {"plugins"},
    "markitdown": {"plugins"},
    "nat": {"plugins"},
    "rich": {"cli"},
    "starlette": {"sandbox"},
    "tenacity": {"cache", "drivers", "retry"},
    "tqdm": {"progress"},
    "typer": {"cli"},
    "uvicorn": {"sandbox"},
}
"""Who may import the programs of others that ought to stay in one place."""


def part_of(path: Path) -> str:
    """The part of the package a file belongs to: a module, or a folder."""
    first = path.relative_to(ROOT).parts[0]
    return first.removesuffix(".py")


@functools.cache
def imported(path: Path) -> tuple[str, ...]:
    """The full names of what a file imports when it runs, at the top or later."""
    return tuple(_imported(ast.parse(path.read_text())))


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in running(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def running(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all below it, without what only type checkers read."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield from running(child)


def parts_imported(path: Path) -> set[str]:
    """The other parts of the package that a file imports."""
    parts = set()
    for name in imported(path):
        package, _, rest = name.partition(".")
        if package == PACKAGE:
            part = rest.partition(".")[0]
            parts.add(part if is_part(part) else "")
    return parts - {part_of(path)}


def is_part(name: str) -> bool:
    return (ROOT / name).is_dir() or (ROOT / f"{name}.py").is_file()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_directions(path: Path) -> None:
    """A part imports only the parts below it."""
    assert parts_imported(path) <= MAY_IMPORT[part_of(path)]


def test_every_part_has_a_rule() -> None:
    """Every part has a rule; a new one has to be given its place."""
    assert {part_of(path) for path in MODULES} - MAY_IMPORT.keys() == set()


def test_no_circles() -> None:
    """The rules themselves have no circles, so that there is a bottom to begin reading at."""
    left = dict(MAY_IMPORT)
    while left:
        bottom = {part for part, below in left.items() if not (below - {part}) & left.keys()}
        assert bottom, f"these import each other: {sorted(left)}"
        left = {part: below for part, below in left.items() if part not in bottom}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_programs_of_others(path: Path) -> None:
    """What might have to be replaced one day is imported in one place only."""
    found = {name.partition(".")[0] for name in imported(path)}
    misplaced = {
        name for name in found if part_of(path) not in MAY_IMPORT_ALONE.get(name, {part_of(path)})
    }
    assert misplaced == set()


def test_rules_are_about_something() -> None:
    """Each program of others that has a place is really imported there."""
    found = {(name.partition(".")[0], part_of(path)) for path in MODULES for name in imported(path)}
    expected = {(name, part) for name, parts in MAY_IMPORT_ALONE.items() for part in parts}
    assert expected - found == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_relative_imports(path: Path) -> None:
    """Every import says where it leads, from anywhere."""
    tree = ast.parse(path.read_text())
    relative = [n.lineno for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level]
    assert relative == []
