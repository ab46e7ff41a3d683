"""The client of a LangChain object: the caller's, or one made from the object's own settings."""

from collections.abc import Collection
from typing import Annotated, Any, ClassVar, Self, cast

from langchain_core.utils import from_env, secret_from_env
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    model_validator,
)

from apertis_audio_tools.adapters.client_handle import (
    ClientOptions,
    LazyClient,
    ModelTable,
    hide_key,
)
from apertis_audio_tools.client import ApertisAudio, settings
from apertis_audio_tools.pipeline.cache import CacheSetting

STRICT_CONFIG = ConfigDict(
    arbitrary_types_allowed=True,
    extra="forbid",  # a misspelt argument would be ignored
    hide_input_in_errors=True,  # it might be a key
)

_ENVIRONMENT_FIELDS = frozenset({"api_key", "base_url"})


class ClientFields(BaseModel):
    """A client to share, or the settings of one; None means the client's default."""

    model_config: ClassVar[ConfigDict] = STRICT_CONFIG

    client: ApertisAudio | None = Field(default=None, frozen=True, exclude=True, repr=False)
    api_key: Annotated[SecretStr | str | None, AfterValidator(settings.as_secret)] = Field(
        default_factory=secret_from_env("APERTIS_API_KEY", default=None), frozen=True, exclude=True
    )
    base_url: str | None = Field(
        default_factory=from_env("APERTIS_BASE_URL", default=None), frozen=True
    )
    timeout: float | None = Field(default=None, frozen=True)
    deadline: float | None = Field(default=None, frozen=True)
    max_retries: int | None = Field(default=None, frozen=True)
    max_wait: float | None = Field(default=None, frozen=True)
    max_concurrency: int | None = Field(default=None, frozen=True)
    requests_per_minute: int | None = Field(default=None, frozen=True)
    models: ModelTable = Field(default=None, frozen=True, exclude=True, repr=False)

    _UNRELATED_FIELDS: ClassVar[Collection[str]] = ()
    """Fields that share the name of a client setting but mean something else."""

    _lazy_client: LazyClient = PrivateAttr()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        hide_key(cast("ClientOptions", kwargs))  # first: the frames below would show the key
        super().__init__(*args, **kwargs)

    @model_validator(mode="after")
    def _require_settings(self) -> Self:
        if self.client is not None:
            # LangChain copies objects by passing all their fields: values that only came from the
            # environment must not come back as arguments next to a client.
            unset = _ENVIRONMENT_FIELDS - self.model_fields_set
            self.__dict__.update(dict.fromkeys(unset))
        self._lazy_client = LazyClient.from_model(self, exclude=self._UNRELATED_FIELDS)
        self._lazy_client.require_settings()
        return self

    def __getstate__(self) -> dict[Any, Any]:
        self._lazy_client.require_picklable()
        return super().__getstate__()


class CachingClientFields(ClientFields):
    """The client fields of objects that transcribe, whose client can cache transcripts."""

    cache: CacheSetting = Field(default=None, frozen=True)
