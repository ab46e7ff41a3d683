"""No frame of this package shows an API key that was passed as plain text, and no copy has it.

What accepts a key is found by introspection, so that new classes are tested as well.
"""

import contextlib
import copy
import pickle
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import apertis_audio_tools
from apertis_audio_tools import ApertisAudio, ConfigurationError
from apertis_audio_tools.langchain import ApertisAudioLoader, ChatApertisAudio, RecordingBlobLoader
from apertis_audio_tools.llama_index import ApertisAudioToolSpec
from support.keys.constructors import constructors, required_arguments, settings_of
from support.keys.shown_texts import chain

PACKAGE = str(Path(apertis_audio_tools.__file__).parent)
KEY = "sk-plain-0123456789"
CONSTRUCTORS = constructors()
INVALID = [-1, "\0", object(), b"x", 10**400]
INVALID_KEYS = [f"{KEY}\n2", f"{KEY} 2", f"{KEY}\u00e9", f"{KEY}\ud800"]

REFUSED_TOGETHER: dict[str, Callable[[], object]] = {
    "loader-path": lambda: ApertisAudioLoader("", api_key=KEY),
    "loader-glob": lambda: ApertisAudioLoader(RecordingBlobLoader("."), glob="*", api_key=KEY),
    "chat-model-client": lambda: ChatApertisAudio(api_key=KEY, client=ApertisAudio(KEY)),
    "tool-spec-folder": lambda: ApertisAudioToolSpec("nowhere", api_key=KEY),
}
SHOWN: dict[str, Callable[[Any], object]] = {
    "repr": repr,
    "str": str,
    "variables": vars,
    "fields": dict,
    "dump": lambda made: made.model_dump(),
    "dump-llama-index": lambda made: made.to_dict(),
    "dump-langchain": lambda made: made.to_json(),
    "cache-key-langchain": lambda made: made._get_llm_string(),
}
PICKLED: dict[str, Callable[[Any], object]] = {
    "itself": lambda made: made,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "model_copy": lambda made: made.model_copy(deep=True),
    "made-anew": lambda made: type(made)(**dict(made)),
}


def texts_of(error: BaseException) -> Iterator[str]:
    """Yield the texts of an error and its chain, and all variables of frames of this package."""
    for each in chain(error):
        yield from (str(each), repr(each), repr(vars(each)))
        for frame, line in traceback.walk_tb(each.__traceback__):
            if frame.f_code.co_filename.startswith(PACKAGE):
                place = f"{frame.f_code.co_qualname}, line {line}"
                yield from (f"{place}: {name} = {text}" for name, text in shown(frame.f_locals))


def shown(variables: dict[str, object]) -> Iterator[tuple[str, str]]:
    """Yield the variables with a representation; objects under construction may have none."""
    for name, value in variables.items():
        with contextlib.suppress(AttributeError):
            yield name, repr(value)


def leaks_of(make: Callable[[], object]) -> list[str]:
    """Return the texts that show the key, if an object cannot be made."""
    try:
        make()
    except Exception as error:  # noqa: BLE001  # pydantic's errors and those of Python as well
        return [text for text in texts_of(error) if KEY in text]
    return []


def test_introspection_finds_what_takes_a_key() -> None:
    """Clients, loaders, readers, toolkits, tools and models are among what is tested."""
    assert {"ApertisAudio", "LazyClient", "caching_client"} <= CONSTRUCTORS.keys()
    assert {"ApertisAudioLoader", "ApertisAudioReader", "ChatApertisAudio"} <= CONSTRUCTORS.keys()
    assert {"ApertisAudioToolSpec", "ApertisAudioToolkit", "SpeakText"} <= CONSTRUCTORS.keys()


@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_a_refused_argument_hides_the_key(name: str, tmp_path: Path) -> None:
    """Whatever other argument is invalid, the error and the frames below do not show the key."""
    make = CONSTRUCTORS[name]
    arguments = required_arguments(make, tmp_path) | {"api_key": KEY}
    others = [each for each in settings_of(make) if each != "api_key"]
    for other in [*others, "no_such_argument"]:
        for value in INVALID:
            invalid = arguments | {other: value}
            assert leaks_of(lambda invalid=invalid: make(**invalid)) == []  # type: ignore[misc]


@pytest.mark.parametrize("name", CONSTRUCTORS)
@pytest.mark.parametrize("key", INVALID_KEYS)
def test_a_refused_key_is_hidden(name: str, key: str, tmp_path: Path) -> None:
    """A key with characters that no key has is refused without being shown."""
    make = CONSTRUCTORS[name]
    arguments = required_arguments(make, tmp_path) | {"api_key": key}
    assert leaks_of(lambda: make(**arguments)) == []


@pytest.mark.parametrize("failure", REFUSED_TOGETHER)
def test_arguments_that_are_refused_together(failure: str) -> None:
    """Arguments that do not go together do not show the key either."""
    with pytest.raises(apertis_audio_tools.ApertisError):
        REFUSED_TOGETHER[failure]()
    assert leaks_of(REFUSED_TOGETHER[failure]) == []


@pytest.mark.parametrize("is_passed", [True, False], ids=["argument", "environment"])
@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_representations(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_passed: bool
) -> None:
    """No representation and no dump shows the key; pickles have it only if it was an argument."""
    monkeypatch.setenv("APERTIS_API_KEY", KEY)
    make = CONSTRUCTORS[name]
    made = make(**required_arguments(make, tmp_path), **({"api_key": KEY} if is_passed else {}))
    for way, show in SHOWN.items():
        with contextlib.suppress(AttributeError, TypeError, ValueError):  # not every class has all
            assert KEY not in str(show(made)), way
    for way, copied in () if is_passed else PICKLED.items():
        with contextlib.suppress(AttributeError, TypeError, ConfigurationError):
            assert KEY.encode() not in pickle.dumps(copied(made)), way
