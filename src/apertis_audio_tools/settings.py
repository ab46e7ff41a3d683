"""Where settings come from: an argument, else the environment, else a default."""

import os
from urllib.parse import urlsplit

from pydantic import SecretStr

from apertis_audio_tools.errors import ConfigurationError

BASE_URL = "https://api.apertis.ai/v1"


def api_key(given: str | SecretStr | None) -> SecretStr:
    """The key, checked as far as it can be without showing it.

    Raises:
        ConfigurationError: There is none, or it cannot travel in a header.
    """
    secret = given.get_secret_value() if isinstance(given, SecretStr) else given
    key = (os.environ.get("APERTIS_API_KEY", "") if secret is None else secret).strip()
    if not key:
        raise ConfigurationError(
            "There is no API key: set APERTIS_API_KEY or pass api_key. "
            "To try without one, start the local sandbox: apertis-audio sandbox."
        )
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ConfigurationError("The API key holds characters that no key has (copied too much?).")
    return SecretStr(key)


def hidden(key: str | SecretStr | None) -> SecretStr | None:
    """A key that no printout shows, however it was given."""
    return SecretStr(key) if isinstance(key, str) else key


def base_url(given: str | None) -> str:
    """The address that paths are appended to.

    Raises:
        ConfigurationError: It is no http or https address.
    """
    url = (os.environ.get("APERTIS_BASE_URL", BASE_URL) if given is None else given).strip()
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


def retries(value: int) -> int:
    """How often to try again, which may be never.

    Raises:
        ConfigurationError: It is no such number.
    """
    if value < 0 or value != int(value):
        raise ConfigurationError(f"max_retries is {value!r}; it must be a whole number from 0 on.")
    return value


def workers(value: int) -> int:
    """How many things are done at once, at least one.

    Raises:
        ConfigurationError: It is no such number.
    """
    if value < 1 or value != int(value):
        raise ConfigurationError(
            f"max_concurrency is {value!r}; it must be a whole number from 1 on."
        )
    return value


def per_minute(value: int | None) -> int | None:
    """How many requests a minute, at least one; None for any number.

    Raises:
        ConfigurationError: It is no such number.
    """
    if value is not None and (value < 1 or value != int(value)):
        raise ConfigurationError(
            f"requests_per_minute is {value!r}; it must be a whole number from 1 on, or None."
        )
    return value


def positive(name: str, value: float) -> float:
    """A number of seconds, which cannot be zero.

    Raises:
        ConfigurationError: It is not above zero.
    """
    if not value > 0:
        raise ConfigurationError(f"{name} is {value}; it must be above zero.")
    return value
