"""The tree of errors is as documented, and errors can be copied and pickled."""

import copy
import inspect
import pickle

import pytest

import apertis_audio_tools
from apertis_audio_tools import errors

PUBLIC = {
    name: found
    for name, found in vars(errors).items()
    if inspect.isclass(found) and issubclass(found, errors.ApertisError)
}


def documented_parents() -> dict[str, str]:
    """Return the errors of the tree in the docstring, with the parent of each."""
    above: dict[int, str] = {-1: "Exception"}
    parents = {}
    for line in (errors.__doc__ or "").splitlines():
        name = line.lstrip("│├└─ ").partition(" ")[0]
        if name.endswith("Error"):
            depth = (len(line) - len(line.lstrip("│├└─ "))) // 3
            above[depth] = name
            parents[name] = above[depth - 1]
    return parents


def test_documented_tree() -> None:
    """The tree in the docstring of the module is the tree of the classes."""
    assert documented_parents() == {
        name: found.__bases__[0].__name__ for name, found in PUBLIC.items()
    }


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_importable(name: str) -> None:
    """Every error can be imported from the package."""
    assert getattr(apertis_audio_tools, name) is PUBLIC[name]
    assert name in apertis_audio_tools.__all__


@pytest.mark.parametrize("copied", [pickle.dumps, copy.copy, copy.deepcopy])
@pytest.mark.parametrize("error_type", PUBLIC.values(), ids=PUBLIC)
def test_copies(error_type: type[errors.ApertisError], copied: object) -> None:
    """An error that was pickled or copied has all its fields and notes."""
    error = error_type(
        "It failed.", status=429, code="c", param="p", request_id="r", retry_after=1.5
    )
    error.add_note("seen by a worker")
    again = copied(error)  # type: ignore[operator]
    if isinstance(again, bytes):
        again = pickle.loads(again)
    assert type(again) is error_type
    assert (str(again), again.message, vars(again)) == ("It failed.", "It failed.", vars(error))


def test_fields_are_optional() -> None:
    """The fields of an error are None by default."""
    error = errors.UnsupportedError("No.")
    assert str(error) == "No."
    assert set(vars(error).values()) == {None}
