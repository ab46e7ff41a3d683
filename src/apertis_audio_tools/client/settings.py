"""Where settings come from: an argument, else the environment, else a default."""

import os
from numbers import Real
from urllib.parse import urlsplit

from pydantic import SecretStr

from apertis_audio_tools.errors import ConfigurationError

BASE_URL = "https://api.apertis.ai/v1"


def resolve_api_key(given: str | SecretStr | None) -> SecretStr:
    """The key, checked as far as it can be without showing it.

    Raises:
        ConfigurationError: There is none, or it cannot travel in a header.
    """
    secret = given.get_secret_value() if isinstance(given, SecretStr) else given
    if secret is None:
        secret = os.environ.get("APERTIS_API_KEY", "")
    if not isinstance(secret, str):
        raise ConfigurationError(
            f"api_key is of type {type(secret).__name__}; it must be a str or a SecretStr."
        )
    key = secret.strip()
    if not key:
        raise ConfigurationError(
            "There is no API key: set APERTIS_API_KEY (in Python, api_key will do). "
            "To try without one, start the local sandbox: apertis-audio sandbox."
        )
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ConfigurationError("The API key holds characters that no key has (copied too much?).")
    return SecretStr(key)


def as_secret(key: str | SecretStr | None) -> SecretStr | None:
    """A key that no printout shows, however it was given."""
    return SecretStr(key) if isinstance(key, str) else key


def resolve_base_url(given: object) -> str:
    """The address that paths are appended to, as text or as an object that prints as it.

    Raises:
        ConfigurationError: It is no http or https address.
    """
    url = str(os.environ.get("APERTIS_BASE_URL", BASE_URL) if given is None else given).strip()
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


def require_retries(value: int) -> int:
    """How often to try again, which may be never.

    Raises:
        ConfigurationError: It is no such number.
    """
    return _whole("max_retries", value, "a whole number from 0 on", least=0)


def require_workers(value: int) -> int:
    """How many things are done at once, at least one.

    Raises:
        ConfigurationError: It is no such number.
    """
    return _whole("max_concurrency", value, "a whole number from 1 on", least=1)


def require_rate(value: int | None) -> int | None:
    """How many requests a minute, at least one; None for any number.

    Raises:
        ConfigurationError: It is no such number.
    """
    if value is None:
        return None
    return _whole("requests_per_minute", value, "a whole number from 1 on, or None", least=1)


def require_positive(name: str, value: float) -> float:
    """A number of seconds, which cannot be zero.

    Raises:
        ConfigurationError: It is not above zero.
    """
    if not isinstance(value, Real) or not value > 0:
        raise _impossible(name, value, "a number of seconds above zero")
    return float(value)


def _whole(name: str, value: int, wanted: str, least: int) -> int:
    if not isinstance(value, Real) or not value >= least or value % 1:
        raise _impossible(name, value, wanted)
    return int(value)


def _impossible(name: str, value: object, wanted: str) -> ConfigurationError:
    """Of what is no number only the type is told: it may be a key in the wrong place."""
    is_told = value is None or isinstance(value, Real)
    found = f"{value}" if is_told else f"of type {type(value).__name__}"
    return ConfigurationError(f"{name} is {found}; it must be {wanted}.")
