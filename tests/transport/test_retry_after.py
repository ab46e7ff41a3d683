"""Waits that the service asks for, in every form."""

import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apertis_audio_tools.api.response import Response, retry_after, status_error

NOON = "Sun, 22 Nov 2026 12:00:00 GMT"
NOON_UNIX = 1_795_348_800


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 7 "}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after": "999"}, 999.0),
        ({"retry-after": "Sun, 22 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Sunday, 22-Nov-26 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Sun Nov 22 12:00:30 2026"}, 30.0),
        ({"retry-after": "Sun, 22 Nov 2026 14:00:30 +0200"}, 30.0),
        ({"retry-after": "7", "x-ratelimit-reset": str(NOON_UNIX + 60)}, 7.0),
        ({"x-ratelimit-reset": str(NOON_UNIX + 60)}, 60.0),
        ({"x-ratelimit-reset": f"{NOON_UNIX + 60}.25"}, 60.25),
        ({"retry-after": NOON, "x-ratelimit-reset": str(NOON_UNIX + 60)}, 60.0),
        ({"retry-after": "1, 1"}, 1.0),
        ({"retry-after": "2, 30"}, 30.0),
        ({"retry-after": "0", "x-ratelimit-reset": str(NOON_UNIX + 60)}, 60.0),
    ],
)
def test_understood(headers: dict[str, str], seconds: float) -> None:
    """Seconds, milliseconds, dates and reset times are understood, the most precise first."""
    assert retry_after(429, {"date": NOON, **headers}) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"retry-after": ""},
        {"retry-after": "0"},
        {"retry-after": "-5"},
        {"retry-after": "soon"},
        {"retry-after": "nan"},
        {"retry-after": "inf"},
        {"retry-after": "1e999"},
        {"retry-after": "9" * 5000},
        {"retry-after": "Sun, 22 Nov 2026 11:59:59 GMT"},
        {"retry-after": "Sun, 99 Nov 2026 12:00:30 GMT"},
        {"retry-after": "Sun, 22 Nov 99999 12:00:30 GMT"},
        {"retry-after": f"Sun, 22 Nov {'9' * 4000} 12:00:30 GMT"},
        {"retry-after-ms": "-1"},
        {"retry-after-ms": "NaN"},
        {"x-ratelimit-reset": str(NOON_UNIX - 1)},
        {"x-ratelimit-reset": "60"},
        {"x-ratelimit-reset": f"{NOON_UNIX}000"},
        {"x-ratelimit-reset": "later"},
        {"x-ratelimit-reset": "inf"},
    ],
    ids=lambda headers: repr(headers)[:60],
)
def test_invalid_values(headers: dict[str, str]) -> None:
    """Invalid values and times in the past are ignored."""
    assert retry_after(429, {"date": NOON, **headers}) is None


@pytest.mark.parametrize("status", [400, 403, 500, 503])
def test_reset_with_other_statuses(status: int) -> None:
    """X-RateLimit-Reset asks for a wait with status 429 only."""
    headers = {"date": NOON, "x-ratelimit-reset": str(NOON_UNIX + 60)}
    assert retry_after(status, headers) is None
    assert retry_after(status, headers | {"retry-after": "2"}) == 2.0


@pytest.mark.parametrize("date", [{}, {"date": "yesterday"}])
def test_local_clock(date: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a Date header, times are compared with the local clock."""
    monkeypatch.setattr(time, "time", lambda: NOON_UNIX + 10.0)
    assert retry_after(429, date | {"x-ratelimit-reset": str(NOON_UNIX + 60)}) == 50.0
    assert retry_after(429, date | {"retry-after": "Sun Nov 22 12:00:30 2026"}) == 20.0


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone cannot be set here")
def test_dates_without_a_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A date without a time zone is in GMT, whatever the local time zone."""
    try:
        with monkeypatch.context() as patch:
            patch.setenv("TZ", "Asia/Tokyo")
            time.tzset()
            headers = {"date": NOON, "retry-after": "Sun Nov 22 12:00:30 2026"}
            assert retry_after(503, headers) == 30.0
    finally:
        time.tzset()


VALUES = st.text("0123456789.-+:, eEnaifGMTNovSun" + string.whitespace + "\0é", max_size=30)


@given(value=VALUES, date=VALUES, reset=VALUES)
def test_any_header(value: str, date: str, reset: str) -> None:
    """Any headers result in None or a positive number of seconds."""
    headers = {"retry-after": value, "retry-after-ms": value, "date": date}
    seconds = retry_after(429, headers | {"x-ratelimit-reset": reset})
    assert seconds is None or 0 < seconds < float("inf")


def test_error_has_the_wait() -> None:
    """The error has the wait."""
    assert status_error(Response(429, {"retry-after": "12"}, b"")).retry_after == 12.0
    assert status_error(Response(400, {}, b"")).retry_after is None
