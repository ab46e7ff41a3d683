"""What the service refuses, and what becomes of it."""

import base64
import contextlib
from collections.abc import Callable
from pathlib import Path
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
from apertis_audio_tools.pipeline import transcription_job
from apertis_audio_tools.sandbox import Sandbox
from support.cassettes.plugin import RUN, Service
from support.service_types import Clip
from support.sync_async import Run
from support.wav_files import silence_of

pytestmark = pytest.mark.vcr

Arguments = Callable[[str], tuple[Any, ...]]

AUDIO_VERBS = ("transcribe", "translate", "speak", "stream_speech", "save_speech")
CHAT_VERBS = ("chat", "stream_chat")
VERBS = (*AUDIO_VERBS, *CHAT_VERBS)
OF_ANOTHER_KIND = {
    "transcribe": Model({"transcribe": TRANSCRIPT_FORMATS}, source="a guess"),
    "translate": Model({"translate": TRANSCRIPT_FORMATS}, source="a guess"),
    "speak": Model({"speak": SPEECH_FORMATS}, source="a guess"),
    "chat": Model({"chat": CHAT_AUDIO_FORMATS}, source="a guess"),
}

E = TypeVar("E", bound=APIStatusError)


@pytest.fixture
def arguments(clip: Clip, tmp_path: Path) -> Arguments:
    """What a verb has to be given."""
    given: dict[str, tuple[Any, ...]] = {
        "transcribe": (clip("mp3"),),
        "translate": (clip("mp3"),),
        "speak": ("Yes.",),
        "stream_speech": ("Yes.",),
        "save_speech": ("Yes.", tmp_path / "yes.mp3"),
        "chat": ("What is this?", clip("mp3")),
        "stream_chat": ("What is this?", clip("mp3")),
        "models": (),
    }
    return given.__getitem__


def refused(action: Callable[[], object], kind: type[E]) -> E:
    """The error of that very kind that is raised."""
    with pytest.raises(kind) as caught:
        action()
    assert type(caught.value) is kind
    assert caught.value.request_id
    return caught.value


def turn_with(sound: bytes) -> list[dict[str, Any]]:
    """A conversation that begins with a clip, however long."""
    clip = {"data": base64.b64encode(sound).decode(), "format": "wav"}
    return [{"role": "user", "content": [{"type": "input_audio", "input_audio": clip}]}]


@pytest.mark.parametrize("verb", [*VERBS, "models"])
def test_wrong_key(service: Service, run: Run, arguments: Arguments, verb: str) -> None:
    """A wrong key is an authentication error, for every verb."""
    with ApertisAudio("wrong", base_url=service.base_url) as client:
        error = refused(lambda: run(client, verb, *arguments(verb)), AuthenticationError)
    assert (error.status, error.code) == (401, "invalid_api_key")


@pytest.mark.parametrize("verb", VERBS)
def test_subscription_key(service: Service, run: Run, arguments: Arguments, verb: str) -> None:
    """A subscription key is told to become a pay-as-you-go key."""
    with ApertisAudio("sk-sub-nobody", base_url=service.base_url) as client:
        error = refused(lambda: run(client, verb, *arguments(verb)), AudioRequiresPaygError)
    assert (error.status, error.code) == (403, "audio_requires_payg")
    assert "pay-as-you-go" in str(error)


@pytest.mark.parametrize("verb", VERBS)
def test_unknown_model(client: ApertisAudio, run: Run, arguments: Arguments, verb: str) -> None:
    """A model nobody knows is the service's to judge."""
    model = "no-such-model"
    error = refused(lambda: run(client, verb, *arguments(verb), model=model), NotFoundError)
    assert (error.status, error.code) == (404, "model_not_found")


@pytest.mark.parametrize("verb", ["speak", "chat"])
def test_unknown_voice(client: ApertisAudio, run: Run, arguments: Arguments, verb: str) -> None:
    """A voice nobody knows is the service's to judge, and named as the cause."""
    error = refused(
        lambda: run(client, verb, *arguments(verb), voice="nobody"), InvalidRequestError
    )
    assert error.status == 400
    assert (error.param or "").endswith("voice")


@pytest.mark.parametrize("verb", VERBS)
def test_wrong_model(service: Service, run: Run, arguments: Arguments, verb: str) -> None:
    """A row a user adds to the table is believed here, and judged there."""
    model = "gpt-4o-transcribe" if verb == "translate" else "whisper-1"
    model = "tts-1" if verb == "transcribe" else model
    operation = verb.removeprefix("stream_").removeprefix("save_").replace("speech", "speak")
    models = MODELS | {model: OF_ANOTHER_KIND[operation]}
    with ApertisAudio(service.api_key, base_url=service.base_url, models=models) as client:
        error = refused(
            lambda: run(client, verb, *arguments(verb), model=model), InvalidRequestError
        )
    assert error.status == 400


@pytest.mark.parametrize("verb", ["transcribe", "translate", *CHAT_VERBS])
def test_too_large(
    client: ApertisAudio, run: Run, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """What is too large is refused there too, were it ever sent."""
    for place in (models, transcription_job):
        monkeypatch.setattr(place, "MAX_UPLOAD_BYTES", 1 << 40)
    sound = silence_of(MAX_UPLOAD_BYTES)
    said: object = ("long.wav", sound) if verb not in CHAT_VERBS else turn_with(sound)
    assert refused(lambda: run(client, verb, said), TooLargeError).status == 413


@pytest.mark.parametrize("verb", VERBS)
def test_rate_limit(
    request: pytest.FixtureRequest,
    service: Service,
    record_mode: str,
    run: Run,
    arguments: Arguments,
    verb: str,
) -> None:
    """Too many requests are an error that says when to come back."""
    state = request.config.stash[RUN]
    if state.live and (state.recording or state.bypassing):
        pytest.skip("the service allows 500 requests a minute, and we leave it at that")
    options = {"overwrite": True} if verb == "save_speech" else {}
    with contextlib.ExitStack() as stack:
        url = service.base_url
        if record_mode == "rewrite" or state.bypassing:
            url = stack.enter_context(Sandbox(requests_per_minute=1))
        client = stack.enter_context(ApertisAudio(service.api_key, base_url=url, max_retries=0))
        run(client, verb, *arguments(verb), **options)
        error = refused(lambda: run(client, verb, *arguments(verb), **options), RateLimitError)
    assert (error.status, error.code) == (429, "rate_limit_exceeded")
    assert 0 < (error.retry_after or 0) <= 180
