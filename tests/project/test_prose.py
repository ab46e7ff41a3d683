"""Docstrings begin like those of the standard library: no question words, no bare references."""

import ast
import importlib.util
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("src", "tests", "examples", "benchmarks")

RIDDLE = re.compile(r"(What|Whom|Who|Where|How|Whether|Likewise|The same)\b")
"""First words of docstrings that make no sense without the name they explain."""

FRAGMENT = re.compile(r"(Of|As in|Likewise)\b")
"""First words of argument descriptions that are no noun phrases."""

SECTION = re.compile(r"^(?:Args|Attributes):\n((?: .*\n?|\n)*)", re.MULTILINE)
ENTRY = re.compile(r"^    (\w+)(?: \([^)]*\))?:\s+(.*)", re.MULTILINE)

HAS_DOCSTRING = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
ASSIGNMENT = ast.Assign | ast.AnnAssign


def docstrings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of every docstring, including those below assignments."""
    for node in ast.walk(tree):
        if not isinstance(node, HAS_DOCSTRING):
            continue
        for before, statement in zip([None, *node.body], node.body, strict=False):
            if before is None or isinstance(before, ASSIGNMENT):
                match statement:
                    case ast.Expr(value=ast.Constant(value=str(text))):
                        yield statement.lineno, inspect.cleandoc(text)


def complaints(source: str) -> Iterator[str]:
    """Yield the docstrings of a module that begin with a refused word, with their lines."""
    for line, text in docstrings(ast.parse(source)):
        if RIDDLE.match(text):
            yield f"{line}: {text.splitlines()[0]}"
        for section in SECTION.findall(text):
            for name, description in ENTRY.findall(section):
                if FRAGMENT.match(description):
                    yield f"{line}: {name}: {description}"


@pytest.mark.parametrize("folder", FOLDERS)
def test_docstrings_begin_plainly(folder: str) -> None:
    """No docstring begins with a question word, "Likewise" or "The same"."""
    found = [
        f"{path.relative_to(ROOT)}:{complaint}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for complaint in complaints(path.read_text("utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        '"""Who may import whom."""',
        'class Client:\n    """What it asks."""',
        'async def twin():\n    """The same on the event loop."""',
        'LIMIT = 3\n"""How many there are."""',
        'def f(a):\n    """Return it.\n\n    Args:\n        a: Likewise.\n    """',
        'class C:\n    """Settings.\n\n    Attributes:\n        key: Of a plan.\n    """',
        'def f(a):\n    """Return it.\n\n    Args:\n        a:\n            As in `g`.\n    """',
    ],
)
def test_refused_beginnings_are_found(source: str) -> None:
    """Each refused beginning is found, wherever the docstring stands."""
    assert len(list(complaints(source))) == 1


def test_plain_docstrings_pass() -> None:
    """A plain docstring passes; other strings are not docstrings."""
    source = (
        'def f(a):\n    """Return it.\n\n    Args:\n        a: Whole.\n    """\n    print("What")'
    )
    assert list(complaints(source)) == []


@pytest.mark.skipif(importlib.util.find_spec("ruff") is None, reason="ruff is not installed")
def test_ruff_requires_the_imperative() -> None:
    """The project's settings of ruff refuse a function docstring that is not in the imperative."""
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format", "concise"]
    for name in ("src/module.py", "tests/test_module.py", "examples/script.py"):
        finished = subprocess.run(
            [*command, "--stdin-filename", name, "-"],
            input='"""A module."""\n\n\ndef number() -> int:\n    """A number."""\n    return 1\n',
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "D401" in finished.stdout
