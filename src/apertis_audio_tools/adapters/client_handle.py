"""The client of an adapter: the caller's own, or one that is made on first use."""

from collections.abc import Collection, Mapping
from typing import Annotated, Any, ClassVar, Self, TypedDict, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, SecretStr
from pydantic_core import CoreSchema, core_schema

from apertis_audio_tools.client import ApertisAudio, settings
from apertis_audio_tools.concurrency import fork_safety
from apertis_audio_tools.errors import ConfigurationError
from apertis_audio_tools.models import Model
from apertis_audio_tools.pipeline.cache import CacheSetting
from apertis_audio_tools.transport.connection_options import Verify


def _copy_models(models: object) -> dict[str, Model] | None:
    """Return a copy that can be pickled; a read-only view cannot."""
    if models is None or isinstance(models, Mapping):
        return None if models is None else dict(models)
    raise ValueError("models must be a mapping of model names to what each model can do.")


class _CopiedModels:
    """Annotation that copies models. `PlainValidator` would describe what a model is as well.

    That takes a millisecond for each class with the field.
    """

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: object) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(_copy_models)


SecretKey = Annotated[SecretStr | str | None, AfterValidator(settings.as_secret)]

STRICT_CONFIG = ConfigDict(
    arbitrary_types_allowed=True,
    extra="forbid",  # a misspelt argument would be ignored
    hide_input_in_errors=True,  # it might be a key
)


class ClientOptions(TypedDict, total=False):
    """The settings of `ApertisAudio` but its limits; see there."""

    api_key: str | SecretStr | None
    base_url: str | None
    timeout: float
    deadline: float
    max_retries: int
    max_wait: float
    max_concurrency: int
    requests_per_minute: int | None
    cache: CacheSetting
    isolate_probe: bool
    default_headers: Mapping[str, str] | None
    user_agent: str | None
    proxy: str | None
    verify: Verify
    models: Mapping[str, Model]


class LimitedClientOptions(ClientOptions, total=False):
    """All settings of `ApertisAudio`, for objects without limits of their own."""

    max_cost: float | None
    max_audio_seconds: float | None


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
        options: Settings of a client to make, in place of `client`; both together are refused.
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

    def require_settings(self) -> None:
        """Raise now if no client can be made later: there is no key, or a setting is invalid."""
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
        """Raise if the client is the caller's own, which cannot go to another process."""
        if self._callers_client is not None:
            self._callers_client.__reduce__()

    def __reduce__(self) -> tuple[type[Self], tuple[None, ClientOptions]]:
        self.require_picklable()
        return type(self), (None, self._options)


class ClientFields(BaseModel):
    """Settings of `ApertisAudio`, or a client to share, as the fields of an adapter's object.

    None in a setting means the client's default, except that ``requests_per_minute=None`` means
    no limit, as for the client. The key, the client, the options of connections and the table of
    models are not serialised; all but the client are pickled, so that worker processes have them.
    """

    model_config: ClassVar[ConfigDict] = STRICT_CONFIG

    client: ApertisAudio | None = Field(default=None, frozen=True, exclude=True, repr=False)
    api_key: SecretKey = Field(default=None, frozen=True, exclude=True)
    base_url: str | None = Field(default=None, frozen=True)
    timeout: float | None = Field(default=None, frozen=True)
    deadline: float | None = Field(default=None, frozen=True)
    max_retries: int | None = Field(default=None, frozen=True)
    max_wait: float | None = Field(default=None, frozen=True)
    max_concurrency: int | None = Field(default=None, frozen=True)
    requests_per_minute: int | None = Field(default=settings.REQUESTS_PER_MINUTE, frozen=True)
    isolate_probe: bool | None = Field(default=None, frozen=True)
    default_headers: Mapping[str, str] | None = Field(
        default=None, frozen=True, exclude=True, repr=False
    )
    user_agent: str | None = Field(default=None, frozen=True)
    proxy: str | None = Field(default=None, frozen=True, exclude=True, repr=False)
    verify: Verify | None = Field(default=None, frozen=True, exclude=True, repr=False)
    models: Annotated[Mapping[str, Model] | None, _CopiedModels] = Field(
        default=None, frozen=True, exclude=True, repr=False
    )

    max_cost: float | None = Field(default=None, frozen=True)
    max_audio_seconds: float | None = Field(default=None, frozen=True)

    _UNRELATED_FIELDS: ClassVar[Collection[str]] = ()
    """Fields that share the name of a client setting but mean something else."""

    _lazy_client: LazyClient = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Refuse a client together with settings of one."""
        super().model_post_init(context)
        names = LimitedClientOptions.__annotations__.keys() & type(self).model_fields.keys()
        values = {name: getattr(self, name) for name in sorted(names - set(self._UNRELATED_FIELDS))}
        defaults = {"requests_per_minute": settings.REQUESTS_PER_MINUTE}
        options = {name: each for name, each in values.items() if each != defaults.get(name)}
        self._lazy_client = LazyClient(self.client, cast("ClientOptions", options))

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy, which shares the client unless `update` has other settings of it."""
        copied = super().model_copy(update=update, deep=deep)
        names = {"client", *LimitedClientOptions.__annotations__} - set(self._UNRELATED_FIELDS)
        if update and not names.isdisjoint(update):
            copied.model_post_init(None)
        return copied

    def __getstate__(self) -> dict[Any, Any]:
        self._lazy_client.require_picklable()
        return super().__getstate__()
