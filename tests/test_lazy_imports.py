"""The names that the package imports lazily are visible to static tools."""

import ast
import importlib
from pathlib import Path

import apertis_audio_tools

TREE = ast.parse(Path(apertis_audio_tools.__file__).read_text())


def test_type_checkers_see_every_public_name() -> None:
    """The block for type checkers imports each public name, and no other."""
    (block,) = (node for node in TREE.body if isinstance(node, ast.If))
    assert ast.unparse(block.test) == "TYPE_CHECKING"
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    names = [alias.name for node in imports for alias in node.names]
    assert sorted(names) == sorted(apertis_audio_tools.__all__)


def test_names_come_from_the_modules_that_type_checkers_see() -> None:
    """Each public name is the object that the block for type checkers imports."""
    for node in ast.walk(TREE):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("apertis"):
            module = importlib.import_module(str(node.module))
            for alias in node.names:
                assert getattr(apertis_audio_tools, alias.name) is getattr(module, alias.name)


def test_completion_reads_the_block() -> None:
    """The condition is no literal: jedi skips a block under a literal False."""
    (value,) = (
        node.value
        for node in TREE.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "TYPE_CHECKING"
    )
    assert not isinstance(value, ast.Constant)
    assert not apertis_audio_tools.TYPE_CHECKING
