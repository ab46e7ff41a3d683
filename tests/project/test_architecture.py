"""The imports of the package point down its layers, as read from the source."""

import ast
import functools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import apertis_audio_tools

PACKAGE = "apertis_audio_tools"
ROOT = Path(apertis_audio_tools.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))

LAYERS: tuple[set[str], ...] = (
    {"errors", "text"},
    {"concurrency", "files", "models", "results"},
    {"api"},
    {"audio", "transport"},
    {"pipeline"},
    {"client"},
    {"adapters"},
    {"langchain", "llama_index", "mcp", "ray"},
    {"cli"},
    {"__main__"},
    {"plugins"},
)
"""Parts of the package by layer, from the bottom up."""

ALONE = {"__init__", "sandbox"}
"""Parts outside of the layers: `sandbox` imports no other part, `__init__` loads lazily."""

AUDIO_LAYERS = ("input", "timing", "cutting", "output")
"""The folders of `audio`, from the bottom up."""

ROOT_MODULES = {"__init__", "__main__", "errors", "models"}

MAY_IMPORT_ALONE = {
    "anyio": {"mcp", "pipeline"},
    "av": {"audio", "sandbox"},
    "fsspec": {"pipeline", "ray"},
    "httpcore": {"transport"},
    "httpx": {"transport"},
    "langchain_core": {"langchain"},
    "llama_index": {"llama_index"},
    "llm": {"plugins"},
    "markitdown": {"plugins"},
    "mcp": {"mcp"},
    "mcp_types": {"mcp"},
    "nat": {"plugins"},
    "pyarrow": {"ray"},
    "ray": {"ray"},
    "rich": {"cli"},
    "starlette": {"mcp", "sandbox"},
    "tenacity": {"pipeline", "transport"},
    "tqdm": {"pipeline"},
    "typer": {"cli"},
    "uvicorn": {"mcp", "sandbox"},
}
"""The only parts that may import each third-party package."""


def part_of(path: Path) -> str:
    """Return the part of the package a file belongs to: a module or a folder at its root."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def name_of(path: Path) -> str:
    """Return the path of a file below the package, for the ids of tests."""
    return str(path.relative_to(ROOT))


@functools.cache
def imported(path: Path) -> tuple[str, ...]:
    """Return the full names of all imports of a file that are executed."""
    return tuple(_imported(ast.parse(path.read_text())))


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in running(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def running(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and all nodes below it, without blocks for type checkers."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield from running(child)


def parts_imported(path: Path) -> set[str]:
    """Return the other parts of the package that a file imports; the package itself is ""."""
    names = (name.split(".") for name in imported(path))
    parts = {".".join(name[1:2]) for name in names if name[0] == PACKAGE}
    return {part if is_part(part) else "" for part in parts} - {part_of(path)}


def is_part(name: str) -> bool:
    return (ROOT / name).is_dir() or (ROOT / f"{name}.py").is_file()


def layer_of(part: str) -> int:
    return next(number for number, parts in enumerate(LAYERS) if part in parts)


def allowed(part: str) -> set[str]:
    """Return the parts that a part may import."""
    if part in ALONE:
        return set()
    below = set[str]().union(*LAYERS[: layer_of(part)]) - {"__main__"}
    extra = {
        "__main__": {"cli"},
        "cli": {"", "sandbox"},
        "langchain": {""},
        "plugins": {"__main__"},
    }
    return below | extra.get(part, set())


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_point_down(path: Path) -> None:
    """A part imports only parts of lower layers."""
    assert parts_imported(path) <= allowed(part_of(path))


def test_every_part_has_a_layer() -> None:
    """Every part has a layer, and every name in a layer is a part."""
    assert set[str]().union(*LAYERS, ALONE) == {part_of(path) for path in MODULES}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_audio_folders_point_down(path: Path) -> None:
    """Within `audio`, a folder imports only the folders before it."""
    parts = path.relative_to(ROOT).parts
    if parts[0] != "audio" or len(parts) != len(("audio", "folder", "file")):
        return
    found = {name.split(".")[2] for name in imported(path) if name.startswith(f"{PACKAGE}.audio.")}
    own = AUDIO_LAYERS.index(parts[1])
    assert found <= set(AUDIO_LAYERS[: own + 1])


def test_the_root_holds_only_what_users_import() -> None:
    """At the root of the package lie only the names that users import."""
    assert {path.stem for path in ROOT.glob("*.py")} == ROOT_MODULES


def test_no_file_name_occurs_three_times() -> None:
    """A file name occurs at most twice, so that a file is found by its name."""
    names = Counter(path.name for path in MODULES if path.stem != "__init__")
    assert {name for name, count in names.items() if count > 2} == set()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_third_party_packages_have_one_place(path: Path) -> None:
    """A third-party package is imported only by the parts that may import it."""
    found = {name.partition(".")[0] for name in imported(path)}
    part = part_of(path)
    assert {name for name in found if part not in MAY_IMPORT_ALONE.get(name, {part})} == set()


def test_rules_are_used() -> None:
    """Each part that may import a third-party package does import it."""
    found = {(name.partition(".")[0], part_of(path)) for path in MODULES for name in imported(path)}
    expected = {(name, part) for name, parts in MAY_IMPORT_ALONE.items() for part in parts}
    assert expected - found == set()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_relative_imports(path: Path) -> None:
    """All imports are absolute."""
    tree = ast.parse(path.read_text())
    relative = [n.lineno for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level]
    assert relative == []
