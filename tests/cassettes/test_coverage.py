"""Every verb has a cassette for each format and each error, derived from the public interface.

A new verb, format or class of error fails here until it has a cassette, or a reason to have none.
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
    "check_models": None,
    "balance": None,
}
"""Operation of a model for each verb that sends requests of its own."""
COMPOSED = {
    "transcribe_many": "transcribe",
    "translate_many": "translate",
    "estimate": "models",
    "estimate_speech": "models",
}
"""Verbs that send the requests of another verb."""
TEXT_ONLY = {"stream_chat"}
"""Verbs without an audio format, as the service does not stream spoken replies."""

AUDIO_VERBS = {"transcribe", "translate", "chat", "stream_chat"}
MODEL_VERBS = {verb for verb, operation in OPERATIONS.items() if operation}
REFUSALS: dict[type[APIStatusError], tuple[str, set[str]]] = {
    errors.AuthenticationError: ("test_wrong_key", set(OPERATIONS)),
    errors.AudioRequiresPaygError: ("test_subscription_key", MODEL_VERBS),
    errors.NotFoundError: ("test_unknown_model", MODEL_VERBS),
    errors.InvalidRequestError: ("test_wrong_model", MODEL_VERBS),
    errors.TooLargeError: ("test_too_large", AUDIO_VERBS),
    errors.RateLimitError: ("test_rate_limit", MODEL_VERBS),
}
"""The test that records each error, and the verbs that can get it."""
NOT_RECORDED = {
    errors.PaymentError: "the sandbox has no payment",
    errors.PermissionDeniedError: "the only such error of the sandbox has a class of its own",
    errors.ServerError: "a sandbox that fails on demand would be a mock",
}


def public_verbs() -> set[str]:
    """Return the verbs that have a sync and an async form."""
    names = {name for name in vars_of(ApertisAudio) if not name.startswith("_")}
    pairs = {name for name in names if f"a{name}" in names}
    return {name for name in pairs if not name.endswith("_with")} - {"close"}


def vars_of(kind: type) -> Iterator[str]:
    return (name for name, _ in inspect.getmembers(kind, callable))


def required_cassettes() -> Iterator[str]:
    """Yield the names of the cassettes that must exist."""
    for verb, operation in OPERATIONS.items():
        if operation and verb not in TEXT_ONLY:
            formats = {f for model in MODELS.values() for f in model.formats.get(operation, ())}
            yield from (f"test_format-{verb}-{name}" for name in formats)
    for test, verbs in REFUSALS.values():
        yield from (f"{test}-{verb}" for verb in verbs)


@pytest.fixture(scope="module")
def recorded(pytestconfig: pytest.Config) -> set[str]:
    """Return the names of the cassettes that exist."""
    paths = Path(pytestconfig.rootpath / "cassettes").rglob("*.yaml")
    return {path.stem for path in paths}


def test_every_verb_is_known() -> None:
    """A new verb of the client has to be listed here."""
    assert public_verbs() == OPERATIONS.keys() | COMPOSED.keys()
    assert set(COMPOSED.values()) <= OPERATIONS.keys()


def test_every_operation_is_used() -> None:
    """A new operation of models needs a verb."""
    operations = {operation for model in MODELS.values() for operation in model.formats}
    assert operations == {operation for operation in OPERATIONS.values() if operation}


def test_every_refusal_is_known() -> None:
    """A new class of error has a cassette, or a reason to have none."""
    kinds = {
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, APIStatusError) and kind is not APIStatusError
    }
    assert kinds == REFUSALS.keys() | NOT_RECORDED.keys()
    assert not REFUSALS.keys() & NOT_RECORDED.keys()


def test_every_one_is_recorded(recorded: set[str]) -> None:
    """All required cassettes exist."""
    assert sorted(set(required_cassettes()) - recorded) == []
    assert len(set(required_cassettes())) > 70
