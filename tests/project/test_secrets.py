"""Neither the key nor the audio is in what is shown of errors, whoever shows it."""

import io
import pickle
import random
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from rich.console import Console
from rich.traceback import Traceback

import apertis_audio_tools
from apertis_audio_tools import ApertisError
from apertis_audio_tools.pipeline import speech_job
from support.leaks import Leaks
from support.loopback import Behaviour, Loopback
from support.scripted_responses import answer, error, json_answer, raw, reset, truncated
from support.sync_async import Run
from support.wav_files import wav_of

TESTS = str(Path(__file__).parents[1])
PACKAGE = str(Path(apertis_audio_tools.__file__).parent)


AUDIO = wav_of(random.Random(1).randbytes(32_000))
"""A second that is like nothing else."""
LEAKS = Leaks([AUDIO])
KEYS = Leaks()
CALLS: dict[str, tuple[str, Callable[[BinaryIO], tuple[Any, ...]]]] = {
    "stream": ("transcribe", lambda file: (file,)),
    "named": ("translate", lambda file: (("a.wav", file),)),
    "many": ("transcribe_many", lambda file: ([file],)),
    "clip": ("chat", lambda file: ("What is this?", file)),
    "streamed": ("stream_chat", lambda file: ("What is this?", file)),
}
"""Calls by their arguments, which are not bytes: those are in the variables of the caller too."""
FAILURES: dict[str, tuple[Behaviour, dict[str, Any]]] = {
    "refused": (error(401, "invalid_api_key"), {}),
    "reset": (reset(), {}),
    "nonsense": (raw(b"?\r\n\r\n"), {}),
    "malformed": (json_answer({"nothing": "as documented"}), {}),
    "not-json": (answer(200, AUDIO, "application/json"), {}),
    "unsupported": (reset(), {"temperature": 7.0}),
}


def failed(run: Run, call: str, failure: str) -> ApertisError:
    """What a call comes to when the server behaves so."""
    verb, arguments = CALLS[call]
    behaviour, options = FAILURES[failure]
    with Loopback([behaviour]) as server, server.client(max_retries=1) as audio:
        with pytest.raises(ApertisError) as caught:
            run(audio, verb, *arguments(io.BytesIO(AUDIO)), **options)
        return caught.value


def chain(found: BaseException | None) -> Iterator[BaseException]:
    """An error, and what led to it."""
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def shown_of(found: ApertisError, in_variables: Leaks = LEAKS) -> list[tuple[list[str], str]]:
    """Return what leaks where: in words, in all variables of frames but the tests', in a pickle."""
    shown = [repr(found), str(found), str(vars(found)), repr(pickle.dumps(found))]
    variables: list[str] = []
    for each in chain(found):
        shown += [repr(each), str(each), *getattr(each, "__notes__", ())]
        shown += traceback.format_exception(each)
        frames = traceback.TracebackException.from_exception(each, capture_locals=True).stack
        variables += [
            f"{frame.filename}:{frame.lineno} {name}={value}"
            for frame in frames
            if not frame.filename.startswith(TESTS)
            for name, value in (frame.locals or {}).items()
        ]
    found_in = [(LEAKS.in_text(text), text[:300]) for text in shown]
    found_in += [(in_variables.in_text(text), text[:300]) for text in variables]
    return [(leaks, text) for leaks, text in found_in if leaks]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("failure", FAILURES)
def test_errors(run: Run, call: str, failure: str) -> None:
    """No form of an error, of its causes and of the variables on its way shows either.

    Of a response, variables may show the chunk that is being read.
    """
    in_variables = KEYS if failure == "not-json" else LEAKS
    assert shown_of(failed(run, call, failure), in_variables) == []


@pytest.mark.parametrize("verb", ["speak", "stream_speech", "save_speech"])
@pytest.mark.parametrize("parts", [1, 3])
def test_damaged_speech(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str, parts: int
) -> None:
    """Malformed audio of a response is not shown either; variables show the chunk being read."""
    monkeypatch.setattr(speech_job, "MAX_SPEECH_CHARACTERS", 20)
    text = "Yes, that is what I said. " * (parts if parts > 1 else 0) or "Yes."
    script = [answer(200, AUDIO, "audio/wav")] * (parts - 1) + [truncated(AUDIO, 10, "audio/wav")]
    place = [tmp_path / "said.wav"] if verb == "save_speech" else []
    with (
        Loopback(script) as server,
        server.client(max_retries=0, max_concurrency=1) as audio,
        pytest.raises(ApertisError) as caught,
    ):
        run(audio, verb, text, *place, response_format="wav")
    assert shown_of(caught.value, KEYS) == []


@pytest.mark.parametrize("failure", ["refused", "reset", "malformed", "not-json"])
def test_collected_errors(run: Run, failure: str) -> None:
    """An error that is handed over with its recording tells no more than one that is raised."""
    with Loopback([FAILURES[failure][0]]) as server, server.client(max_retries=0) as audio:
        (outcome,) = run(audio, "transcribe_many", [AUDIO], on_error="skip")
    assert shown_of(outcome.error) == []
    assert LEAKS.in_text(repr(outcome)) == []


@pytest.mark.parametrize(
    ("call", "failure"), [(next(iter(CALLS)), "refused"), (next(reversed(CALLS)), "unsupported")]
)
def test_rich(run: Run, call: str, failure: str) -> None:
    """Nor does what rich prints of an error with all variables."""
    found = failed(run, call, failure)
    told = Traceback.from_exception(
        type(found),
        found,
        found.__traceback__,
        show_locals=True,
        locals_max_string=1_000_000,
        suppress=[TESTS],
    )
    console = Console(file=io.StringIO(), width=100_000)
    console.print(told)
    assert isinstance(console.file, io.StringIO)
    printed = console.file.getvalue()
    assert type(found).__name__ in printed
    assert PACKAGE in printed
    assert LEAKS.in_text(printed) == []
