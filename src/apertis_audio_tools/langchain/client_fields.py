"""What has a client: the caller's, or one of its own from the settings of a framework's object."""

from collections.abc import Collection
from typing import Annotated, Any, ClassVar, Self

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

from apertis_audio_tools.adapters.client_handle import LazyClient, ModelTable
from apertis_audio_tools.client import ApertisAudio, settings
from apertis_audio_tools.pipeline.cache import CacheSetting

STRICT_CONFIG = ConfigDict(
    arbitrary_types_allowed=True,
    extra="forbid",  # a misspelt argument would go unnoticed
    hide_input_in_errors=True,  # it might be a key
)


_OF_THE_ENVIRONMENT = ("api_key", "base_url")


class ClientFields(BaseModel):
    """Has a client: one to share, or one of its own with these settings; None is its default."""

    model_config = STRICT_CONFIG

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

    _NO_SETTINGS: ClassVar[Collection[str]] = ()
    """Fields that have the name of a client's setting, and another meaning."""

    _borrowed: LazyClient = PrivateAttr()

    @model_validator(mode="after")
    def _require_settings(self) -> Self:
        if self.client is not None:
            # LangChain makes objects anew of all their fields: what nobody gave must not come back.
            unasked = set(_OF_THE_ENVIRONMENT) - self.model_fields_set
            self.__dict__.update(dict.fromkeys(unasked))
        self._borrowed = LazyClient.from_model(self, exclude=self._NO_SETTINGS)
        self._borrowed.require_settings()
        return self

    def __getstate__(self) -> dict[Any, Any]:
        self._borrowed.require_picklable()
        return super().__getstate__()

    @property
    def _audio(self) -> ApertisAudio:
        return self._borrowed.client


class CachingClientFields(ClientFields):
    """The same for what transcribes, whose client can keep transcripts."""

    cache: CacheSetting = Field(default=None, frozen=True)
