"""Errors of the service, and the exceptions they become."""

import base64
import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest

from apertis_audio_tools import (
    MODELS,
    ApertisAudio,
    APIStatusError,
    AudioRequiresPaygError,
    AuthenticationError,
    InvalidRequestError,
    Model,
    NotFoundError,
    RateLimitError,
    TooLargeError,
    models,
)
from apertis_audio_tools.models import (
    CHAT_AUDIO_FORMATS,
    MAX_UPLOAD_BYTES,
    SPEECH_FORMATS,
    TRANSCRIPT_FORMATS,
)
from apertis_audio_tools.pipeline import job_factory
from apertis_audio_tools.sandbox import Sandbox, authorization
from support.cassettes.plugin import RUN, Service
from support.service_types import Clip
from support.sync_async import Run
from support.wav_files import silent_wav

pytestmark = pytest.mark.vcr

Arguments = Callable[[str], tuple[Any, ...]]

AUDIO_VERBS = ("transcribe", "translate", "speak", "stream_speech", "save_speech")
CHAT_VERBS = ("chat", "stream_chat")
VERBS = (*AUDIO_VERBS, *CHAT_VERBS)
MISLEADING_ROWS = {
    "transcribe": Model({"transcribe": TRANSCRIPT_FORMATS}, source="a guess"),
    "translate": Model({"translate": TRANSCRIPT_FORMATS}, source="a guess"),
    "speak": Model({"speak": SPEECH_FORMATS}, source="a guess"),
    "chat": Model({"chat": CHAT_AUDIO_FORMATS}, source="a guess"),
}

E = TypeVar("E", bound=APIStatusError)


@pytest.fixture
def arguments(clip: Clip, tmp_path: Path) -> Arguments:
    """Return a function that returns the required arguments of a verb."""
    required: dict[str, tuple[Any, ...]] = {
        "transcribe": (clip("mp3"),),
        "translate": (clip("mp3"),),
        "speak": ("Yes.",),
        "stream_speech": ("Yes.",),
        "save_speech": ("Yes.", tmp_path / "yes.mp3"),
        "chat": ("What is this?", clip("mp3")),
        "stream_chat": ("What is this?", clip("mp3")),
        "models": (),
        "check_models": (),
        "balance": (),
    }
    return required.__getitem__


def assert_refused(action: Callable[[], object], kind: type[E]) -> E:
    """Require an error of exactly this class and return it."""
    with pytest.raises(kind) as caught:
        action()
    assert type(caught.value) is kind
    assert caught.value.request_id
    return caught.value


def turn_with(wav: bytes) -> list[dict[str, Any]]:
    """Return a conversation that begins with a clip of any length."""
    clip = {"data": base64.b64encode(wav).decode(), "format": "wav"}
    return [{"role": "user", "content": [{"type": "input_audio", "input_audio": clip}]}]


@pytest.mark.parametrize("verb", [*VERBS, "models", "check_models", "balance"])
def test_wrong_key(service: Service, run: Run, arguments: Arguments, verb: str) -> None:
    """A wrong key is an authentication error, for every verb."""
    with ApertisAudio("wrong-key", base_url=service.base_url) as client:
        error = assert_refused(lambda: run(client, verb, *arguments(verb)), AuthenticationError)
    assert (error.status, error.code) == (401, "invalid_api_key")


@pytest.mark.parametrize("verb", VERBS)
def test_subscription_key(service: Service, run: Run, arguments: Arguments, verb: str) -> None:
    """The error for a subscription key says that a pay-as-you-go key is needed."""
    with ApertisAudio("sk-sub-nobody", base_url=service.base_url) as client:
        error = assert_refused(lambda: run(client, verb, *arguments(verb)), AudioRequiresPaygError)
    assert (error.status, error.code) == (403, "audio_requires_payg")
    assert "pay-as-you-go" in str(error)


@pytest.mark.parametrize("verb", VERBS)
def test_unknown_model(client: ApertisAudio, run: Run, arguments: Arguments, verb: str) -> None:
    """An unknown model is refused by the service, not by the client."""
    model = "no-such-model"
    error = assert_refused(lambda: run(client, verb, *arguments(verb), model=model), NotFoundError)
    assert (error.status, error.code) == (404, "model_not_found")


@pytest.mark.parametrize("verb", ["speak", "chat"])
def test_unknown_voice(client: ApertisAudio, run: Run, arguments: Arguments, verb: str) -> None:
    """An unknown voice is refused by the service, which names the parameter."""
    error = assert_refused(
        lambda: run(client, verb, *arguments(verb), voice="nobody"), InvalidRequestError
    )
    assert error.status == 400
    assert (error.param or "").endswith("voice")


@pytest.mark.parametrize("verb", VERBS)
def test_wrong_model(service: Service, run: Run, arguments: Arguments, verb: str) -> None:
    """The client believes a row that a user adds to the table; the service refuses the request."""
    model = "gpt-4o-transcribe" if verb == "translate" else "whisper-1"
    model = "tts-1" if verb == "transcribe" else model
    operation = verb.removeprefix("stream_").removeprefix("save_").replace("speech", "speak")
    models = MODELS | {model: MISLEADING_ROWS[operation]}
    with ApertisAudio(service.api_key, base_url=service.base_url, models=models) as client:
        error = assert_refused(
            lambda: run(client, verb, *arguments(verb), model=model), InvalidRequestError
        )
    assert error.status == 400


@pytest.mark.parametrize("verb", ["transcribe", "translate", *CHAT_VERBS])
def test_too_large(
    client: ApertisAudio, run: Run, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """The service, too, refuses uploads that are too large."""
    for module in (models, job_factory):
        monkeypatch.setattr(module, "MAX_UPLOAD_BYTES", 1 << 40)
    wav = silent_wav(MAX_UPLOAD_BYTES)
    source: object = ("long.wav", wav) if verb not in CHAT_VERBS else turn_with(wav)
    options = {} if verb in CHAT_VERBS else {"upload_format": "original"}
    assert assert_refused(lambda: run(client, verb, source, **options), TooLargeError).status == 413


@pytest.mark.parametrize("verb", VERBS)
def test_rate_limit(
    request: pytest.FixtureRequest,
    service: Service,
    record_mode: str,
    monkeypatch: pytest.MonkeyPatch,
    run: Run,
    arguments: Arguments,
    verb: str,
) -> None:
    """Too many requests are an error with a time to retry after."""
    state = request.config.stash[RUN]
    if state.live and (state.recording or state.bypassing):
        pytest.skip("the service permits 500 requests a minute, which the test does not use up")
    options = {"overwrite": True} if verb == "save_speech" else {}
    with contextlib.ExitStack() as stack:
        url = service.base_url
        if record_mode != "none" or state.bypassing:
            now = time.time()  # the sandbox counts in minutes of the clock, and none may end here
            monkeypatch.setattr(authorization, "time", SimpleNamespace(time=lambda: now))
            url = stack.enter_context(Sandbox(requests_per_minute=1))
        client = stack.enter_context(ApertisAudio(service.api_key, base_url=url, max_retries=0))
        run(client, verb, *arguments(verb), **options)
        error = assert_refused(
            lambda: run(client, verb, *arguments(verb), **options), RateLimitError
        )
    assert (error.status, error.code) == (429, "rate_limit_exceeded")
    assert 0 < (error.retry_after or 0) <= 180
