"""Errors show neither the API key nor audio, also with all variables of their frames."""

import base64
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
from support.leaks import LeakDetector
from support.loopback_server import Behaviour, LoopbackServer
from support.scripted_responses import (
    reset_connection,
    respond,
    respond_error,
    respond_json,
    respond_truncated,
    send_raw,
)
from support.sync_async import Run
from support.wav_files import wav_bytes

TESTS = str(Path(__file__).parents[1])
PACKAGE = str(Path(apertis_audio_tools.__file__).parent)


AUDIO = wav_bytes(random.Random(1).randbytes(32_000))
"""One second of audio that resembles nothing else."""
LEAKS = LeakDetector([AUDIO])
CLIP = {"data": base64.b64encode(AUDIO).decode(), "format": "wav"}
KEYS = LeakDetector()
CALLS: dict[str, tuple[str, Callable[[BinaryIO], tuple[Any, ...]]]] = {
    "stream": ("transcribe", lambda file: (file,)),
    "named": ("translate", lambda file: (("a.wav", file),)),
    "many": ("transcribe_many", lambda file: ([file],)),
    "clip": ("chat", lambda file: ("What is this?", file)),
    "streamed": ("stream_chat", lambda file: ("What is this?", file)),
}
"""Calls without bytes among their arguments, which are variables of the verbs."""
FAILURES: dict[str, tuple[Behaviour, dict[str, Any]]] = {
    "refused": (respond_error(401, "invalid_api_key"), {}),
    "reset": (reset_connection(), {}),
    "nonsense": (send_raw(b"?\r\n\r\n"), {}),
    "malformed": (respond_json({"nothing": "as documented"}), {}),
    "not-json": (respond(200, AUDIO, "application/json"), {}),
    "unsupported": (reset_connection(), {"temperature": 7.0}),
}


def error_of(run: Run, call: str, failure: str) -> ApertisError:
    """Return the error that a call raises when the server behaves as given."""
    verb, arguments = CALLS[call]
    behaviour, options = FAILURES[failure]
    with LoopbackServer([behaviour]) as server, server.client(max_retries=1) as audio:
        with pytest.raises(ApertisError) as caught:
            run(audio, verb, *arguments(io.BytesIO(AUDIO)), **options)
        return caught.value


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and its causes."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def variables_of(error: BaseException) -> Iterator[tuple[str, str]]:
    """Yield the names and representations of all variables of frames outside of the tests."""
    for each in chain(error):
        frames = traceback.TracebackException.from_exception(each, capture_locals=True).stack
        for frame in frames:
            if not frame.filename.startswith(TESTS):
                yield from (frame.locals or {}).items()


def texts_of(error: BaseException) -> Iterator[str]:
    """Yield all texts of an error and its causes."""
    yield from (repr(pickle.dumps(error)), str(vars(error)))
    for each in chain(error):
        yield from (repr(each), str(each), *getattr(each, "__notes__", ()))
        yield from traceback.format_exception(each)


def leaks_in(
    error: ApertisError, in_variables: LeakDetector = LEAKS
) -> list[tuple[list[str], str]]:
    """Return the leaks in the texts of an error, in its pickle, and in the variables of frames."""
    checked = [(LEAKS.in_text(text), text[:300]) for text in texts_of(error)]
    checked += [(in_variables.in_text(value), name) for name, value in variables_of(error)]
    return [(leaks, place) for leaks, place in checked if leaks]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("failure", FAILURES)
def test_errors(run: Run, call: str, failure: str) -> None:
    """No text, pickle or variable of an error and its causes shows the key or the audio.

    Variables may show the chunk of a response that is being read.
    """
    in_variables = KEYS if failure == "not-json" else LEAKS
    assert leaks_in(error_of(run, call, failure), in_variables) == []


@pytest.mark.parametrize(
    ("verb", "argument"),
    [
        ("transcribe", AUDIO),
        ("translate", ("a.wav", AUDIO)),
        ("transcribe_many", [AUDIO]),
        ("chat", [{"role": "user", "content": [{"type": "input_audio", "input_audio": CLIP}]}]),
    ],
    ids=["bytes", "named", "many", "base64"],
)
@pytest.mark.parametrize("failure", ["refused", "reset", "malformed", "unsupported"])
def test_bytes_of_the_caller(run: Run, verb: str, argument: object, failure: str) -> None:
    """Bytes that the caller passes are shown only by the variables that hold the argument."""
    behaviour, options = FAILURES[failure]
    with (
        LoopbackServer([behaviour]) as server,
        server.client(max_retries=0) as audio,
        pytest.raises(ApertisError) as caught,
    ):
        run(audio, verb, argument, **options)
    shown = {name for name, value in variables_of(caught.value) if LEAKS.in_text(value)}
    assert shown <= {"source", "sources", "messages"}
    assert [text for text in texts_of(caught.value) if LEAKS.in_text(text)] == []


@pytest.mark.parametrize(
    "segments", [[{"start": "x"}], [], None], ids=["segments", "segment-list", "text"]
)
def test_text_of_a_response(run: Run, segments: object) -> None:
    """An error quotes the beginning of a malformed response; no variable shows the rest."""
    words = "word " * 1000 + "at the end"
    body = {"text": [words], "segments": segments or [words]}
    with (
        LoopbackServer([respond_json(body)]) as server,
        server.client(max_retries=0) as audio,
        pytest.raises(ApertisError) as caught,
    ):
        run(audio, "transcribe", io.BytesIO(AUDIO))
    assert "word word" in str(caught.value)
    shown = [*texts_of(caught.value), *(value for _, value in variables_of(caught.value))]
    assert [text[:300] for text in shown if "at the end" in text] == []


@pytest.mark.parametrize("verb", ["speak", "stream_speech", "save_speech"])
@pytest.mark.parametrize("parts", [1, 3])
def test_damaged_speech(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str, parts: int
) -> None:
    """Malformed audio of a response is not shown; variables may show the chunk being read."""
    monkeypatch.setattr(speech_job, "MAX_SPEECH_CHARACTERS", 20)
    text = "Yes, that is what I said. " * (parts if parts > 1 else 0) or "Yes."
    script = [respond(200, AUDIO, "audio/wav")] * (parts - 1) + [
        respond_truncated(AUDIO, 10, "audio/wav")
    ]
    path = [tmp_path / "speech.wav"] if verb == "save_speech" else []
    with (
        LoopbackServer(script) as server,
        server.client(max_retries=0, max_concurrency=1) as audio,
        pytest.raises(ApertisError) as caught,
    ):
        run(audio, verb, text, *path, response_format="wav")
    assert leaks_in(caught.value, KEYS) == []


@pytest.mark.parametrize("failure", ["refused", "reset", "malformed", "not-json"])
def test_collected_errors(run: Run, failure: str) -> None:
    """A collected error shows no more than a raised one, and its frames have no variables."""
    with LoopbackServer([FAILURES[failure][0]]) as server, server.client(max_retries=0) as audio:
        (outcome,) = run(audio, "transcribe_many", [AUDIO], on_error="skip")
    assert leaks_in(outcome.error) == []
    assert [name for each in chain(outcome.error) for name, _ in variables_of(each)] == []
    assert LEAKS.in_text(repr(outcome)) == []


@pytest.mark.parametrize(
    ("call", "failure"), [(next(iter(CALLS)), "refused"), (next(reversed(CALLS)), "unsupported")]
)
def test_rich(run: Run, call: str, failure: str) -> None:
    """A traceback that rich prints with all variables shows neither."""
    error = error_of(run, call, failure)
    rendered = Traceback.from_exception(
        type(error),
        error,
        error.__traceback__,
        show_locals=True,
        locals_max_string=1_000_000,
        suppress=[TESTS],
    )
    console = Console(file=io.StringIO(), width=100_000)
    console.print(rendered)
    assert isinstance(console.file, io.StringIO)
    printed = console.file.getvalue()
    assert type(error).__name__ in printed
    assert PACKAGE in printed
    assert LEAKS.in_text(printed) == []
