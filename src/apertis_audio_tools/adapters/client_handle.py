"""The client of an adapter: the caller's own, or one that is made when it is first needed."""

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Self, TypedDict, cast

from pydantic import BaseModel, PlainValidator, SecretStr

from apertis_audio_tools.client import ApertisAudio, settings
from apertis_audio_tools.concurrency import fork_safety
from apertis_audio_tools.errors import ConfigurationError
from apertis_audio_tools.models import Model
from apertis_audio_tools.pipeline.cache import CacheSetting


def _table(given: object) -> dict[str, Model] | None:
    """A copy that can travel to another process, as a read-only view cannot."""
    if given is None or isinstance(given, Mapping):
        return None if given is None else dict(given)
    raise ValueError("models is a mapping of names to what each model can do.")


ModelTable = Annotated[Mapping[str, Model] | None, PlainValidator(_table)]
"""The setting ``models`` as a field."""


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


class LazyClient:
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
        self._making = fork_safety.ForkSafeLock()

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

    def require_portable(self) -> None:
        """Refuse to go to another process.

        Raises:
            ConfigurationError: The client is the caller's own.
        """
        if self._given is not None:
            self._given.__reduce__()

    def __reduce__(self) -> tuple[Any, ...]:
        self.require_portable()
        return type(self), (None, self._options)


def model_client(model: BaseModel, but: Collection[str] = ()) -> LazyClient:
    """The client of a model that has a ``client`` and settings of one for fields.

    Args:
        model: A setting of it that is None is the client's default.
        but: Fields that only have the name of a setting.

    Raises:
        ConfigurationError: Both a client and settings of one were given.
    """
    client: ApertisAudio | None = getattr(model, "client", None)
    names = ClientOptions.__annotations__.keys() & type(model).model_fields.keys() - set(but)
    given = {name: getattr(model, name) for name in sorted(names)}
    options = {name: value for name, value in given.items() if value is not None}
    return LazyClient(client, cast("ClientOptions", options))


def _without_plain_key(options: ClientOptions) -> ClientOptions:
    """The same, with a key that no printout shows."""
    if "api_key" not in options:
        return options
    return {**options, "api_key": settings.as_secret(options["api_key"])}
