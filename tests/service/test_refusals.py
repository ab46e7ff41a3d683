"""What the service refuses, and what becomes of it."""

import contextlib
from collections.abc import Callable
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
from apertis_audio_tools.client import transcribing
from apertis_audio_tools.models import TRANSCRIPT_FORMATS
from apertis_audio_tools.sandbox import Sandbox
from cassette_tools.plugin import RUN, Service
from colours import Run
from service_types import Clip

pytestmark = pytest.mark.vcr

CALLS: dict[str, Callable[[Clip], tuple[Any, ...]]] = {
    "transcribe": lambda clip: (clip("mp3"),),
    "translate": lambda clip: (clip("mp3"),),
    "speak": lambda _: ("Yes.",),
    "stream_speech": lambda _: ("Yes.",),
    "chat": lambda clip: ("What is this?", clip("mp3")),
    "stream_chat": lambda clip: ("What is this?", clip("mp3")),
    "models": lambda _: (),
}


E = TypeVar("E", bound=APIStatusError)


def refused(
    run: Run, client: ApertisAudio, verb: str, clip: Clip, kind: type[E], **options: Any
) -> E:
    """The error of that kind that the verb raises."""
    with pytest.raises(kind) as caught:
        run(client, verb, *CALLS[verb](clip), **options)
    assert type(caught.value) is kind
    assert caught.value.request_id
    return caught.value


@pytest.mark.parametrize("verb", CALLS)
def test_wrong_key(service: Service, run: Run, clip: Clip, verb: str) -> None:
    """A wrong key is an authentication error, for every verb."""
    with ApertisAudio("wrong", base_url=service.base_url) as client:
        error = refused(run, client, verb, clip, AuthenticationError)
    assert (error.status, error.code) == (401, "invalid_api_key")


@pytest.mark.parametrize("verb", [verb for verb in CALLS if verb != "models"])
def test_subscription_key(service: Service, run: Run, clip: Clip, verb: str) -> None:
    """A subscription key is told to become a pay-as-you-go key."""
    with ApertisAudio("sk-sub-nobody", base_url=service.base_url) as client:
        error = refused(run, client, verb, clip, AudioRequiresPaygError)
    assert (error.status, error.code) == (403, "audio_requires_payg")
    assert "pay-as-you-go" in str(error)


@pytest.mark.parametrize("verb", [verb for verb in CALLS if verb != "models"])
def test_unknown_model(client: ApertisAudio, run: Run, clip: Clip, verb: str) -> None:
    """A model nobody knows is the service's to judge."""
    error = refused(run, client, verb, clip, NotFoundError, model="no-such-model")
    assert (error.status, error.code) == (404, "model_not_found")


def test_unknown_voice(client: ApertisAudio, run: Run, clip: Clip) -> None:
    """A voice nobody knows is the service's to judge, and named as the cause."""
    error = refused(run, client, "speak", clip, InvalidRequestError, voice="nobody")
    assert (error.status, error.param) == (400, "voice")


def test_wrong_model(service: Service, run: Run, clip: Clip) -> None:
    """A row a user adds to the table is believed here, and judged there."""
    believed = Model({"translate": TRANSCRIPT_FORMATS}, source="a guess")
    models = MODELS | {"gpt-4o-transcribe": believed}
    with ApertisAudio(service.api_key, base_url=service.base_url, models=models) as client:
        error = refused(
            run, client, "translate", clip, InvalidRequestError, model="gpt-4o-transcribe"
        )
    assert error.status == 400


def test_too_large(
    client: ApertisAudio, run: Run, clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is too large is refused there too, were it ever sent."""
    for place in (models, transcribing):
        monkeypatch.setattr(place, "MAX_UPLOAD_BYTES", 1 << 40)
    head = clip("wav").read_bytes()[:44]
    with pytest.raises(TooLargeError) as caught:
        run(client, "transcribe", ("long.wav", head + bytes(26_214_400)))
    assert caught.value.status == 413


def test_rate_limit(
    request: pytest.FixtureRequest, service: Service, record_mode: str, run: Run
) -> None:
    """Too many requests are an error that says when to come back."""
    state = request.config.stash[RUN]
    if state.live and (state.recording or state.bypassing):
        pytest.skip("the service allows 500 requests a minute, and we leave it at that")
    with contextlib.ExitStack() as stack:
        url = service.base_url
        if record_mode == "rewrite" or state.bypassing:
            url = stack.enter_context(Sandbox(requests_per_minute=1))
        client = stack.enter_context(ApertisAudio(service.api_key, base_url=url, max_retries=0))
        run(client, "speak", "Yes.", response_format="opus")
        with pytest.raises(RateLimitError) as caught:
            run(client, "speak", "Yes.", response_format="opus")
    assert (caught.value.status, caught.value.code) == (429, "rate_limit_exceeded")
    assert 0 < (caught.value.retry_after or 0) <= 180
