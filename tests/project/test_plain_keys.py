"""No frame of this package shows an API key that was passed as plain text."""

import contextlib
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import apertis_audio_tools
from apertis_audio_tools import ApertisAudio, FileAccess
from apertis_audio_tools.langchain import (
    ApertisAudioLoader,
    ApertisAudioParser,
    ApertisAudioToolkit,
    ChatApertisAudio,
    RecordingBlobLoader,
    TranscribeAudio,
)
from apertis_audio_tools.llama_index import (
    ApertisAudioLLM,
    ApertisAudioReader,
    ApertisAudioToolSpec,
)

PACKAGE = str(Path(apertis_audio_tools.__file__).parent)
KEY = "sk-plain-0123456789"

FAILURES: dict[str, Callable[[], object]] = {
    "client": lambda: ApertisAudio(KEY, timeout=-1),
    "client-key": lambda: ApertisAudio(f"{KEY}\n2"),
    "client-url": lambda: ApertisAudio(KEY, base_url="nowhere"),
    "loader": lambda: ApertisAudioLoader(".", api_key=KEY, timeout=-1),
    "loader-path": lambda: ApertisAudioLoader("", api_key=KEY),
    "loader-glob": lambda: ApertisAudioLoader(RecordingBlobLoader("."), glob="*", api_key=KEY),
    "parser": lambda: ApertisAudioParser(api_key=KEY, max_retries=-1),
    "parser-key": lambda: ApertisAudioParser(api_key=f"{KEY}\n2"),
    "toolkit": lambda: ApertisAudioToolkit(inputs=".", api_key=KEY, timeout=-1),
    "tool": lambda: TranscribeAudio(access=FileAccess("."), api_key=KEY, timeout=-1),
    "chat-model": lambda: ChatApertisAudio(api_key=KEY, timeout=-1),
    "chat-model-client": lambda: ChatApertisAudio(api_key=KEY, client=ApertisAudio(KEY)),
    "reader": lambda: ApertisAudioReader(api_key=KEY, max_seconds=-1),
    "tool-spec": lambda: ApertisAudioToolSpec(".", api_key=KEY, timeout=-1),
    "tool-spec-folder": lambda: ApertisAudioToolSpec("nowhere", api_key=KEY),
    "llm": lambda: ApertisAudioLLM(api_key=KEY, context_window="?"),  # type: ignore[arg-type]
}


def own_variables(error: BaseException | None) -> Iterator[str]:
    """Yield all variables of frames of this package, of an error and its causes."""
    while error is not None:
        for frame, line in traceback.walk_tb(error.__traceback__):
            if frame.f_code.co_filename.startswith(PACKAGE):
                place = f"{frame.f_code.co_qualname}, line {line}"
                yield from (f"{place}: {name} = {text}" for name, text in shown(frame.f_locals))
        error = error.__cause__ or error.__context__


def shown(variables: dict[str, object]) -> Iterator[tuple[str, str]]:
    """Yield the variables with a representation; objects under construction may have none."""
    for name, value in variables.items():
        with contextlib.suppress(AttributeError):
            yield name, repr(value)


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failed_construction_hides_the_key(failure: str) -> None:
    """An object that cannot be constructed shows the key in no variable of this package."""
    with pytest.raises(Exception) as caught:  # noqa: PT011  # pydantic's errors as well as ours
        FAILURES[failure]()
    assert [shown for shown in own_variables(caught.value) if KEY in shown] == []
