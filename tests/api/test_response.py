"""Responses without success become errors, whatever a service or gateway sends."""

import json
from typing import Any

import pytest

from apertis_audio_tools import errors
from apertis_audio_tools.api.response import (
    Response,
    is_success,
    malformed_error,
    snippet,
    status_error,
)

KEY = "sk-sub_1234567890abcdef"
PAGE = b"<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>"


def refused(status: int, detail: Any, **headers: str) -> errors.APIStatusError:
    body = detail if isinstance(detail, bytes) else json.dumps({"error": detail}).encode()
    return status_error(Response(status, headers, body))


@pytest.mark.parametrize(
    ("status", "code", "error_type"),
    [
        (400, "invalid_request", errors.InvalidRequestError),
        (400, "invalid_parameter", errors.InvalidRequestError),
        (400, "missing_parameter", errors.InvalidRequestError),
        (400, "invalid_file_format", errors.InvalidRequestError),
        (400, "output_length_exceeded", errors.InvalidRequestError),
        (400, "content_policy_violation", errors.InvalidRequestError),
        (401, "invalid_api_key", errors.AuthenticationError),
        (401, "missing_api_key", errors.AuthenticationError),
        (401, "expired_api_key", errors.AuthenticationError),
        (402, "quota_exceeded", errors.PaymentError),
        (402, "insufficient_balance", errors.PaymentError),
        (402, "subscription_expired", errors.PaymentError),
        (402, "payment_failed", errors.PaymentError),
        (403, "audio_requires_payg", errors.AudioRequiresPaygError),
        (403, "access_denied", errors.PermissionDeniedError),
        (403, "model_access_denied", errors.PermissionDeniedError),
        (403, "ip_not_allowed", errors.PermissionDeniedError),
        (403, "account_suspended", errors.PermissionDeniedError),
        (404, "model_not_found", errors.NotFoundError),
        (404, "endpoint_not_found", errors.NotFoundError),
        (413, None, errors.TooLargeError),
        (415, None, errors.InvalidRequestError),
        (422, None, errors.InvalidRequestError),
        (429, "rate_limit_exceeded", errors.RateLimitError),
        (429, None, errors.RateLimitError),
        (429, "quota_exceeded", errors.PaymentError),
        (429, "insufficient_quota", errors.PaymentError),
        (429, "insufficient_balance", errors.PaymentError),
        (500, "internal_error", errors.ServerError),
        (502, "upstream_error", errors.ServerError),
        (503, "service_unavailable", errors.ServerError),
        (503, "model_overloaded", errors.ServerError),
        (504, None, errors.ServerError),
        (529, None, errors.ServerError),
        (408, None, errors.APIStatusError),
        (418, "teapot", errors.APIStatusError),
        (307, None, errors.APIStatusError),
        (999, None, errors.ServerError),
    ],
)
def test_error_types(
    status: int, code: str | None, error_type: type[errors.APIStatusError]
) -> None:
    """Each documented status and code has an error class, and the error has both."""
    error = refused(status, {"message": "No.", "code": code})
    assert (type(error), error.status, error.code) == (error_type, status, code)
    assert str(error).startswith(f"No ({status}).")


def test_fields() -> None:
    """The error has the parameter that the service names, and the request id."""
    detail = {"message": "Bad voice.", "type": "invalid_request_error", "param": "voice"}
    error = refused(400, detail, **{"x-request-id": "req-7"})
    assert (error.code, error.param, error.request_id) == (
        "invalid_request_error",
        "voice",
        "req-7",
    )


@pytest.mark.parametrize(
    ("status", "code", "advice"),
    [
        (401, "invalid_api_key", "APERTIS_API_KEY"),
        (402, "quota_exceeded", "balance"),
        (429, "insufficient_quota", "will not help"),
        (403, "audio_requires_payg", "pay-as-you-go key"),
        (404, None, "base_url"),
        (404, "endpoint_not_found", "ends in /v1"),
        (413, None, "26,214,400 bytes"),
    ],
)
def test_advice(status: int, code: str | None, advice: str) -> None:
    """The message says what the user can do."""
    assert advice in str(refused(status, {"message": "No.", "code": code}))
    assert advice in str(refused(status, {"code": code}))


def test_unknown_model() -> None:
    """The message about an unknown model does not suggest to check the base URL."""
    error = refused(404, {"message": "No such model.", "code": "model_not_found"})
    assert str(error) == "No such model (404)."


@pytest.mark.parametrize(
    "body",
    [
        b"",
        PAGE,
        b"[]",
        b"null",
        b"42",
        b'"no"',
        b"[" * 100_000,
        b'{"error":' * 100_000,
        b'{"error": ["no"]}',
        b'{"error": null}',
        b'{"error": {}}',
        b'{"error": {"message": null, "code": [], "param": {}}}',
        b'{"error": {"message": ["a"], "code": true, "param": 1.5}}',
        b'{"error": {"code": ' + b"9" * 5000 + b"}}",
        b'{"detail": [{"loc": ["body", "file"], "msg": "Field required"}]}',
        b"\xff\xfe\x00\x01",
        json.dumps({"error": {"message": PAGE.decode()}}).encode(),
    ],
    ids=lambda body: repr(body[:40]),
)
def test_undocumented_bodies(body: bytes) -> None:
    """An undocumented body is not shown; the message has the status in words."""
    error = status_error(Response(502, {}, body))
    assert type(error) is errors.ServerError
    assert (
        str(error) == "The service, or a gateway in front of it, responded with Bad Gateway (502)."
    )
    assert (error.code, error.param) == (None, None)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error": "No channel."}', "No channel (400)."),
        (b'{"detail": "Not allowed"}', "Not allowed (400)."),
        (b'\xef\xbb\xbf{"error": {"message": "No."}}', "No (400)."),
        ('{"error": {"message": "No."}}'.encode("utf-16"), "No (400)."),
        (b'{"error": {"message": "Two\\n\\tlines.", "code": 7}}', "Two lines (400)."),
        ('{"error": {"message": "不支持"}}'.encode(), "不支持 (400)."),
        (b'{"error": {"message": "\\u001b[31mred\\u0007\\ud800 light."}}', "[31mred light (400)."),
    ],
)
def test_variants(body: bytes, message: str) -> None:
    """Messages are found where gateways put them, and become one printable line."""
    assert str(status_error(Response(400, {}, body))) == message


def test_long_message() -> None:
    """A long message is shortened."""
    assert len(str(refused(400, {"message": "x" * 100_000}))) < 600


def test_redirects() -> None:
    """A redirect is an error that says why it is refused."""
    error = refused(307, b"", location="https://elsewhere.example/")
    assert "redirects elsewhere, which is refused" in str(error)
    assert "elsewhere.example" not in str(error)


def test_unknown_status() -> None:
    """The message about an unknown status is clear."""
    assert str(refused(499, b"")) == (
        "The service, or a gateway in front of it, responded with an unknown status (499)."
    )


def test_key_is_not_repeated() -> None:
    """An API key that the service repeats is masked in the message."""
    assert KEY not in str(refused(401, {"message": f"Incorrect API key provided: {KEY}."}))
    echoed = Response(200, {}, json.dumps({"error": f"bad key {KEY}"}).encode())
    assert KEY not in str(malformed_error(echoed, "there is no text in it"))
    assert KEY not in str(malformed_error(Response(200, {}, KEY.encode()), "the body is not JSON"))


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"", "<0 bytes>"),
        (b"ID3\x04\x00\x00", "<6 bytes>"),
        (b"\xff\xfb\x90d" * 100, "<400 bytes>"),
        (b"<html>\n  <p>no", "'<html> <p>no'"),
        ("é".encode() * 200, repr("é" * 80)),
        (b"x" + "é".encode() * 99 + b"\xc3", repr("x" + "é" * 79)),
        (b"\x1b[31m", repr("\x1b[31m")),
    ],
)
def test_snippet(body: bytes, shown: str) -> None:
    """The beginning of a text is shown, and only the size of other bodies."""
    assert snippet(Response(200, {}, body)) == shown


def test_malformed() -> None:
    """A malformed response is an error that says what is wrong, with the service's message."""
    headers = {"x-request-id": "req-9"}
    bare = malformed_error(Response(200, headers, b"[]"), "there is no text in it")
    assert (
        str(bare) == "The service responded with 200, but there is no text in it (it begins '[]')."
    )
    body = b'{"error": {"message": "Overloaded.", "code": "model_overloaded", "param": "model"}}'
    malformed = malformed_error(Response(200, headers, body), "there is no text in it")
    assert (
        str(malformed) == "The service responded with 200, but there is no text in it: Overloaded."
    )
    assert (malformed.status, malformed.code, malformed.param, malformed.request_id) == (
        200,
        "model_overloaded",
        "model",
        "req-9",
    )


def test_success() -> None:
    """Every 2xx is success, and nothing else is."""
    assert [status for status in range(100, 600) if is_success(status)] == list(range(200, 300))


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        ({"detail": {"error": "No voice."}}, "No voice (422).", None),
        ({"detail": {"error": "No voice.", "code": "voice"}}, "No voice (422).", "voice"),
        ({"detail": {"error": {"message": "No voice."}}}, "No voice (422).", None),
        ({"error": {"error": {"message": "No.", "code": 7}}}, "No (422).", "7"),
        ({"error": {"message": "No.", "error": "x"}}, "No (422).", None),
    ],
)
def test_nested_errors(body: object, message: str, code: str | None) -> None:
    """An error within an error, as some gateways send it, is read."""
    error = status_error(Response(422, {}, json.dumps(body).encode()))
    assert (str(error), error.code) == (message, code)


def test_request_id_of_a_gateway() -> None:
    """LiteLLM's call id serves if there is no request id."""
    headers = {"x-litellm-call-id": "call-1"}
    assert Response(200, headers).request_id == "call-1"
    assert Response(200, headers | {"x-request-id": "req-1"}).request_id == "req-1"


def test_path_of_a_missing_endpoint() -> None:
    """A 404 names the path."""
    error = status_error(Response(404, {}), "/v2/models")
    assert "Nothing is at /v2/models. Check base_url" in str(error)


def test_other_key_in_the_request_id() -> None:
    """Whatever looks like a key is masked in the request id as well."""
    response = Response(401, {"x-request-id": "for-sk-0123456789"})
    assert status_error(response).request_id == "for-sk-..."


@pytest.mark.parametrize(
    "error",
    [
        {"message": "No available channel for model whisper-1", "code": "model_not_found"},
        {"message": "no available channel for model whisper-1", "type": "new_api_error"},
    ],
)
def test_model_without_a_provider(error: dict[str, str]) -> None:
    """A gateway without a provider for a model is an error that is not retried."""
    body = json.dumps({"error": error}).encode()
    found = status_error(Response(503, {"content-type": "application/json"}, body))
    assert isinstance(found, errors.NotFoundError)
    assert (found.status, found.code) == (503, "model_not_found")
    assert "channel for model whisper-1" in str(found)


def test_firewall() -> None:
    """The firewall in front of the service is named, with its id and what to do."""
    headers = {"content-type": "text/plain", "cf-ray": "8f0a-FRA"}
    found = status_error(Response(403, headers, b"error code: 1010"))
    assert isinstance(found, errors.PermissionDeniedError)
    assert "error 1010" in str(found)
    assert "Set the user_agent that the service asks for" in str(found)
    assert "ray id 8f0a-FRA" in str(found)
    assert found.request_id == "8f0a-FRA"
