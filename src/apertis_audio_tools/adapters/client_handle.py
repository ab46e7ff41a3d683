"""The client of an adapter: the caller's own, or one that is made on first use."""

from collections.abc import Collection, Mapping
from typing import Annotated, Self, TypedDict, cast

from pydantic import BaseModel, PlainValidator, SecretStr

from apertis_audio_tools.client import ApertisAudio, settings
from apertis_audio_tools.concurrency import fork_safety
from apertis_audio_tools.errors import ConfigurationError
from apertis_audio_tools.models import Model
from apertis_audio_tools.pipeline.cache import CacheSetting


def _copy_models(models: object) -> dict[str, Model] | None:
    """Return a copy that can be pickled; a read-only view cannot."""
    if models is None or isinstance(models, Mapping):
        return None if models is None else dict(models)
    raise ValueError("models must be a mapping of model names to what each model can do.")


ModelTable = Annotated[Mapping[str, Model] | None, PlainValidator(_copy_models)]
"""The client setting ``models`` as a pydantic field."""


class ClientOptions(TypedDict, total=False):
    """The settings of `ApertisAudio`; see there."""

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


def hide_key(options: ClientOptions) -> None:
    """Replace a plain API key in options by a secret, so that no traceback shows it."""
    if "api_key" in options:
        options["api_key"] = settings.as_secret(options["api_key"])


class LazyClient:
    """A client that is made on first use, or the caller's own.

    Copies share the client. A pickled copy makes a client of its own in the other process; the
    API key travels with it only if it was passed as an option.

    Args:
        client: Client of the caller. It stays open, and cannot be pickled.
        options: Settings of a client to make, in place of `client`.

    Raises:
        ConfigurationError: If both a client and settings are given.
    """

    def __init__(self, client: ApertisAudio | None, options: ClientOptions) -> None:
        hide_key(options)
        if client is not None and options:
            raise ConfigurationError(
                f"The client has its own {next(iter(options))}; pass a client or settings."
            )
        self._callers_client = client
        self._options = options
        self._own_client: ApertisAudio | None = None
        self._lock = fork_safety.ForkSafeLock()

    @classmethod
    def from_model(cls, model: BaseModel, *, exclude: Collection[str] = ()) -> Self:
        """Make one from the fields of a pydantic model that are called as settings of a client.

        Args:
            model: Model with a ``client`` field. None in a setting means the client's default.
            exclude: Fields that share the name of a setting but mean something else.

        Raises:
            ConfigurationError: If both a client and settings are set.
        """
        client: ApertisAudio | None = getattr(model, "client", None)
        names = ClientOptions.__annotations__.keys() & type(model).model_fields.keys()
        values = {name: getattr(model, name) for name in sorted(names - set(exclude))}
        options = {name: value for name, value in values.items() if value is not None}
        return cls(client, cast("ClientOptions", options))

    def require_settings(self) -> None:
        """Raise now if no client can be made later.

        Raises:
            ConfigurationError: If there is no key, or a setting is invalid.
        """
        if self._callers_client is None:
            ApertisAudio(**self._options).close()

    @property
    def client(self) -> ApertisAudio:
        """The client, which is made now if necessary.

        Raises:
            ConfigurationError: If there is no key, or a setting is invalid.
        """
        if self._callers_client is not None:
            return self._callers_client
        with self._lock:
            if self._own_client is None:
                self._own_client = ApertisAudio(**self._options)
            return self._own_client

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def require_picklable(self) -> None:
        """Raise if this cannot go to another process.

        Raises:
            ConfigurationError: If the client is the caller's own.
        """
        if self._callers_client is not None:
            self._callers_client.__reduce__()

    def __reduce__(self) -> tuple[type[Self], tuple[None, ClientOptions]]:
        self.require_picklable()
        return type(self), (None, self._options)
