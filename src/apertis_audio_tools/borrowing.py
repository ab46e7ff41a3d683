"""The client of an adapter: the caller's own, or one that is made when it is first needed."""

import threading
from collections.abc import Mapping
from typing import Any, Self, TypedDict

from pydantic import SecretStr

from apertis_audio_tools.cache import CacheSetting
from apertis_audio_tools.client import ApertisAudio
from apertis_audio_tools.errors import ConfigurationError
from apertis_audio_tools.models import Model


class ClientOptions(TypedDict, total=False):
    """The settings of `ApertisAudio`, for those who let others make it."""

    api_key: str | SecretStr | None
    base_url: str | None
    timeout: float
    deadline: float
    max_retries: int
    max_wait: float
    max_concurrency: int
    requests_per_minute: int | None
    cache: CacheSetting
    models: Mapping[str, Model]


class Borrowed:
    """A client that is there when it is needed, and the same for all who share this.

    One of its own gives its connections back when nobody holds it any more. Copies share it; in
    another process it is made anew, with a key that travels along only if it was given here.

    Args:
        client: The caller's own; it stays open, and cannot travel.
        options: The settings of one instead.

    Raises:
        ConfigurationError: A client and settings.
    """

    def __init__(self, client: ApertisAudio | None, options: ClientOptions) -> None:
        if client is not None and options:
            raise ConfigurationError(
                f"The client has its own {next(iter(options))}; give it one or the other."
            )
        self._given = client
        self._options = _without_plain_key(options)
        self._made: ApertisAudio | None = None
        self._making = threading.Lock()

    def require_settings(self) -> None:
        """Find out now whether a client can be made.

        Raises:
            ConfigurationError: There is no key, or a setting that cannot be.
        """
        if self._given is None:
            ApertisAudio(**self._options).close()

    @property
    def audio(self) -> ApertisAudio:
        """The client, made now if it has to be.

        Raises:
            ConfigurationError: There is no key, or a setting that cannot be.
        """
        if self._given is not None:
            return self._given
        with self._making:
            if self._made is None:
                self._made = ApertisAudio(**self._options)
            return self._made

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        if self._given is not None:
            raise ConfigurationError(
                "A client cannot be sent to another process, because connections cannot: give its "
                "settings instead of the client."
            )
        return type(self), (None, self._options)


def _without_plain_key(options: ClientOptions) -> ClientOptions:
    """The same, with a key that no printout shows."""
    key = options.get("api_key")
    return {**options, "api_key": SecretStr(key)} if isinstance(key, str) else options
