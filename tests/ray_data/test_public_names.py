"""The names of the package load what they need, and say what is missing."""

import importlib.util
import sys

import pytest

import apertis_audio_tools.ray as package


def test_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Ray, the error names the extra."""
    for name in ("dataset", "limits_actor", "transcriber"):
        monkeypatch.delitem(sys.modules, f"{package.__name__}.{name}", raising=False)
    monkeypatch.delitem(vars(package), "transcribe_dataset", raising=False)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"transcribe_dataset needs Ray: .*tools\[ray\]"):
        _ = package.transcribe_dataset


def test_names() -> None:
    """Every public name has a module; what needs no Ray is there without it."""
    assert sorted(package.__all__) == sorted(package._MODULES)
    for module in package._MODULES.values():
        assert importlib.util.find_spec(f"{package.__name__}.{module}")
    assert {"COLUMNS", "Row", "transcribe_dataset"} <= set(dir(package))
    assert package.Row(source="a").as_dict().keys() == package.COLUMNS.keys()
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = package.nothing
