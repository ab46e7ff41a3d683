"""Names of cassettes: `<area>/<test>`, shared by the sync and the async form of a test."""

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest

from support.cassettes.storage import ORIGINS

CALL_MODES = ("sync", "async")


def call_mode(item: pytest.Item) -> str | None:
    """Return "sync" or "async" if it is among the ids of the test's parameters."""
    return next((parameter for parameter in _parameters(item) if parameter in CALL_MODES), None)


def cassette_name(item: pytest.Item) -> str:
    """Return the area, then the name of the test and its parameters except the call mode."""
    return f"{area(item.path)}/{re.sub(r'[^A-Za-z0-9_.]+', '-', _without_mode(item)).strip('-')}"


def area(module: Path) -> str:
    """Return the folder of a test module's cassettes."""
    return module.stem.removeprefix("test_")


def shared_names(items: Iterable[pytest.Item]) -> list[str]:
    """Return a sentence for each cassette that two different tests would record into."""
    tests: dict[str, set[str]] = defaultdict(set)
    for item in items:
        if item.get_closest_marker("vcr"):
            tests[cassette_name(item)].add(f"{item.nodeid.partition('[')[0]} {_without_mode(item)}")
    return [
        f"{name} would be the cassette of {' and of '.join(sorted(nodes))}: rename one."
        for name, nodes in sorted(tests.items())
        if len(nodes) > 1
    ]


def orphans(root: Path, items: Iterable[pytest.Item], modules: Iterable[Path]) -> list[str]:
    """Return a sentence for each cassette that no test replays.

    Args:
        root: Folder of the cassettes.
        items: Collected tests; either all tests of a module or none.
        modules: All existing test modules; some are collected only if an extra is installed.
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


def _without_mode(item: pytest.Item) -> str:
    kept = [parameter for parameter in _parameters(item) if parameter not in CALL_MODES]
    return "-".join([getattr(item, "originalname", item.name), *kept])
