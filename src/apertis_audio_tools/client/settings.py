"""Resolve settings: an argument, else an environment variable, else a default."""

import os
from collections.abc import Mapping
from numbers import Real
from typing import Self
from urllib.parse import urlsplit

from pydantic import SecretStr

from apertis_audio_tools.errors import ConfigurationError

BASE_URL = "https://api.apertis.ai/v1"
REQUESTS_PER_MINUTE = 500
"""Rate limit of the service, for each model (API reference)."""

MIN_KEY_LENGTH = 8
"""A shorter key would be replaced in ordinary words of messages as well."""


class EnvironmentKey(SecretStr):
    """Key from the environment. Pickles have None in its place, and read the environment anew."""

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        return type(None), ()


def as_secret(key: str | SecretStr | None) -> SecretStr | None:
    """Wrap a plain key so that no repr shows it."""
    return SecretStr(key) if isinstance(key, str) else key


def resolve_api_key(key: str | SecretStr | None) -> SecretStr:
    """Return the API key, checked as far as possible without showing it.

    Raises:
        ConfigurationError: If there is no key, it is too short to be one, or it cannot be sent in
            a header.
    """
    key = as_secret(key)  # first, so that no variable shows it if the rest raises
    if key is None:
        key = SecretStr(os.environ.get("APERTIS_API_KEY", ""))
    if not isinstance(key, SecretStr):
        raise ConfigurationError(
            f"api_key is of type {type(key).__name__}; it must be a str or a SecretStr."
        )
    key = SecretStr(key.get_secret_value().strip())
    if not key:
        raise ConfigurationError(
            "There is no API key: set APERTIS_API_KEY (in Python, api_key will do). "
            "To try without one, start the local sandbox: apertis-audio sandbox."
        )
    if not _fits_a_header(key):
        raise ConfigurationError(
            "The API key has characters that no key has; perhaps too much was copied."
        )
    if len(key) < MIN_KEY_LENGTH:
        raise ConfigurationError(
            f"The API key has fewer than {MIN_KEY_LENGTH} characters; perhaps not all was copied."
        )
    return key


def _fits_a_header(key: SecretStr) -> bool:
    value = key.get_secret_value()
    return value.isascii() and value.isprintable() and " " not in value


def resolve_base_url(base_url: object) -> str:
    """Return the base URL without a trailing slash; it may be any object with a `str`.

    Raises:
        ConfigurationError: If it is not an http or https URL, or has credentials or a query.
    """
    url = str(
        os.environ.get("APERTIS_BASE_URL", BASE_URL) if base_url is None else base_url
    ).strip()
    try:
        parts = urlsplit(url)
        is_complete = parts.scheme in {"http", "https"} and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        is_complete = False
    is_plain = url.isascii() and url.isprintable() and not set(url) & set(" @?#\\")
    if not is_complete or not is_plain:
        raise ConfigurationError(
            "base_url must look like https://host/v1, in ASCII, without credentials or a query."
        )
    return url.rstrip("/")


def with_user_agent(headers: Mapping[str, str], user_agent: object) -> Mapping[str, str]:
    """Return headers with a User-Agent.

    Raises:
        ConfigurationError: If it cannot be sent in a header.
    """
    if user_agent is None:
        return headers
    text = user_agent if isinstance(user_agent, str) else ""
    if not text.strip() or not text.isascii() or not text.isprintable():
        raise ConfigurationError("user_agent must be ASCII text in one line.")
    others = {name: value for name, value in headers.items() if name.lower() != "user-agent"}
    return {**others, "User-Agent": text}


def require_positive(name: str, value: float, unit: str = "seconds") -> float:
    """Return a number of seconds, or of another unit.

    Raises:
        ConfigurationError: If it is not above zero.
    """
    if not isinstance(value, Real) or not value > 0:
        raise _invalid(name, value, f"a number of {unit} above zero")
    return float(value)


def require_whole(name: str, value: int, minimum: int, *, remark: str = "") -> int:
    """Return a whole number.

    Args:
        name: Name of the setting.
        value: Its value.
        minimum: Smallest value allowed.
        remark: Other values allowed, for the error message.

    Raises:
        ConfigurationError: If it is not a whole number, or too small.
    """
    if not isinstance(value, Real) or not value >= minimum or value % 1:
        raise _invalid(name, value, f"a whole number from {minimum} on{remark}")
    return int(value)


def require_rate(value: int | None) -> int | None:
    """Return a number of requests per minute, or None for no limit.

    Raises:
        ConfigurationError: If it is neither.
    """
    if value is None:
        return None
    return require_whole("requests_per_minute", value, minimum=1, remark=", or None")


def _invalid(name: str, value: object, expected: str) -> ConfigurationError:
    """Show only the type of what is not a number: it may be a key in the wrong place."""
    is_shown = value is None or isinstance(value, Real)
    found = f"{value}" if is_shown else f"of type {type(value).__name__}"
    return ConfigurationError(f"{name} is {found}; it must be {expected}.")
