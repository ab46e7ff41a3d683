"""Fixtures of the plugin tests."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from support.plugin_hosts import PACKAGES, Host, build, variables_of

CLIP = Path(__file__).parents[1] / "clips" / "clip.m4a"


@pytest.fixture
def host(tmp_path: Path, sandbox_url: str, pytestconfig: pytest.Config) -> Callable[[str], Host]:
    """Return a function that builds the environment of a program once, in pytest's cache."""

    def make_host(name: str) -> Host:
        if not os.environ.get("APERTIS_PLUGIN_HOSTS"):
            pytest.skip("`make plugins` builds the environment of this test")
        environment = pytestconfig.cache.mkdir("plugin-hosts") / name
        build(environment, PACKAGES[name])
        folder = tmp_path / "here"
        (folder / "recordings").mkdir(parents=True)
        shutil.copy(CLIP, folder / "meeting.m4a")
        shutil.copy(CLIP, folder / "recordings" / "standup.m4a")
        return Host(folder, variables_of(environment, tmp_path, sandbox_url))

    return make_host
