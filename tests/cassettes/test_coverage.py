"""Every verb in every format, and every refusal of it, has a cassette: read off the public surface.

A new verb, format or kind of error fails here until it has one, or a reason why it can have none.
"""

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from apertis_audio_tools import MODELS, ApertisAudio, APIStatusError, errors
from apertis_audio_tools.models import Operation

OPERATIONS: dict[str, Operation | None] = {
    "transcribe": "transcribe",
    "translate": "translate",
    "speak": "speak",
    "stream_speech": "speak",
    "save_speech": "speak",
    "chat": "chat",
    "stream_chat": "chat",
    "models": None,
}
"""What a model does for each verb that sends requests of its own."""
MADE_OF_OTHERS = {"transcribe_many": "transcribe", "translate_many": "translate"}
"""Verbs that send what another verb sends."""
IN_WORDS_ONLY = {"stream_chat"}
"""Verbs that give no audio, and so have no format: the service does not stream spoken replies."""

AUDIO_SENT = {"transcribe", "translate", "chat", "stream_chat"}
MODEL_ASKED = set(OPERATIONS) - {"models"}
REFUSALS: dict[type[APIStatusError], tuple[str, set[str]]] = {
    errors.AuthenticationError: ("test_wrong_key", set(OPERATIONS)),
    errors.AudioRequiresPaygError: ("test_subscription_key", MODEL_ASKED),
    errors.NotFoundError: ("test_unknown_model", MODEL_ASKED),
    errors.InvalidRequestError: ("test_wrong_model", MODEL_ASKED),
    errors.TooLargeError: ("test_too_large", AUDIO_SENT),
    errors.RateLimitError: ("test_rate_limit", MODEL_ASKED),
}
"""The test that records each, and for which verbs there is such a refusal."""
NEVER_GIVEN = {
    errors.PaymentError: "nobody pays the sandbox",
    errors.PermissionDeniedError: "the sandbox knows one reason only, which has a class of its own",
    errors.ServerError: "a sandbox that fails on demand would be a mock",
}


def public_verbs() -> set[str]:
    """Return the methods that have a sync and an async form."""
    names = {name for name in vars_of(ApertisAudio) if not name.startswith("_")}
    pairs = {name for name in names if f"a{name}" in names}
    return {name for name in pairs if not name.endswith("_with")} - {"close"}


def vars_of(kind: type) -> Iterator[str]:
    return (name for name, _ in inspect.getmembers(kind, callable))


def needed() -> Iterator[str]:
    """The names of the cassettes there have to be."""
    for verb, operation in OPERATIONS.items():
        if operation and verb not in IN_WORDS_ONLY:
            formats = {f for model in MODELS.values() for f in model.formats.get(operation, ())}
            yield from (f"test_format-{verb}-{name}" for name in formats)
    for test, verbs in REFUSALS.values():
        yield from (f"{test}-{verb}" for verb in verbs)


@pytest.fixture(scope="module")
def recorded(pytestconfig: pytest.Config) -> set[str]:
    """The names of the cassettes there are."""
    found = Path(pytestconfig.rootpath / "cassettes").rglob("*.yaml")
    return {path.stem for path in found}


def test_every_verb_is_known() -> None:
    """A new verb of the client has to be decided about here."""
    assert public_verbs() == OPERATIONS.keys() | MADE_OF_OTHERS.keys()
    assert set(MADE_OF_OTHERS.values()) <= OPERATIONS.keys()


def test_every_operation_is_used() -> None:
    """A new thing that models can do needs a verb here."""
    able = {operation for model in MODELS.values() for operation in model.formats}
    assert able == {operation for operation in OPERATIONS.values() if operation}


def test_every_refusal_is_known() -> None:
    """A new kind of refusal has a cassette, or a reason why it has none."""
    kinds = {
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, APIStatusError) and kind is not APIStatusError
    }
    assert kinds == REFUSALS.keys() | NEVER_GIVEN.keys()
    assert not REFUSALS.keys() & NEVER_GIVEN.keys()


def test_every_one_is_recorded(recorded: set[str]) -> None:
    """None of the cassettes there have to be is missing."""
    assert sorted(set(needed()) - recorded) == []
    assert len(set(needed())) > 70
