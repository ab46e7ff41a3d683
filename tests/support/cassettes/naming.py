"""Which cassette belongs to which test: `<area>/<test>`, the same for both colours."""

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest

from support.cassettes.storage import ORIGINS

COLOURS = ("sync", "async")


def colour(item: pytest.Item) -> str | None:
    """The colour among the ids of the test's parameters, if there is one."""
    return next((parameter for parameter in _parameters(item) if parameter in COLOURS), None)


def cassette_name(item: pytest.Item) -> str:
    """The test module without `test_`, then the function and its parameters but the colour."""
    return f"{area(item.path)}/{re.sub(r'[^A-Za-z0-9_.]+', '-', _colourless(item)).strip('-')}"


def area(module: Path) -> str:
    """The folder of a test module's cassettes."""
    return module.stem.removeprefix("test_")


def shared_names(items: Iterable[pytest.Item]) -> list[str]:
    """A sentence for each cassette that two different tests would record into."""
    tests: dict[str, set[str]] = defaultdict(set)
    for item in items:
        if item.get_closest_marker("vcr"):
            tests[cassette_name(item)].add(f"{item.nodeid.partition('[')[0]} {_colourless(item)}")
    return [
        f"{name} would be the cassette of {' and of '.join(sorted(nodes))}: rename one."
        for name, nodes in sorted(tests.items())
        if len(nodes) > 1
    ]


def orphans(root: Path, items: Iterable[pytest.Item], modules: Iterable[Path]) -> list[str]:
    """A sentence for each cassette that no test replays.

    Args:
        root: The folder of the cassettes.
        items: The tests collected; every test of a module, or none of it.
        modules: All test modules that exist: some are collected only where an extra is installed.
    """
    items = list(items)
    replayed = {cassette_name(item) for item in items if item.get_closest_marker("vcr")}
    uncollected = {area(module) for module in {*modules} - {item.path for item in items}}
    return [
        f"{path.relative_to(root).as_posix()} belongs to no test: delete it, and its row."
        for origin in ORIGINS
        for path in sorted((root / origin).rglob("*.yaml"))
        if f"{path.parent.name}/{path.stem}" not in replayed and path.parent.name not in uncollected
    ]


def _parameters(item: pytest.Item) -> list[str]:
    return item.callspec.id.split("-") if hasattr(item, "callspec") else []


def _colourless(item: pytest.Item) -> str:
    kept = [parameter for parameter in _parameters(item) if parameter not in COLOURS]
    return "-".join([getattr(item, "originalname", item.name), *kept])
