"""What has a client: the caller's, or one of its own from the settings of a framework's object."""

from collections.abc import Iterable
from typing import Annotated, Self, cast

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

from apertis_audio_tools import settings
from apertis_audio_tools.borrowing import Borrowed, ClientOptions
from apertis_audio_tools.cache import CacheSetting
from apertis_audio_tools.client import ApertisAudio

_SETTINGS = (
    "api_key",
    "base_url",
    "timeout",
    "deadline",
    "max_retries",
    "max_wait",
    "max_concurrency",
    "cache",
)

STRICT = ConfigDict(
    arbitrary_types_allowed=True,
    extra="forbid",  # a misspelt argument would go unnoticed
    hide_input_in_errors=True,  # it might be a key
)


class Asking(BaseModel):
    """Has a client: one to share, or one of its own with these settings."""

    model_config = STRICT

    client: ApertisAudio | None = Field(default=None, frozen=True, exclude=True, repr=False)
    api_key: Annotated[SecretStr | str | None, AfterValidator(settings.hidden)] = Field(
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
    cache: CacheSetting = Field(default=None, frozen=True)

    _borrowed: Borrowed = PrivateAttr()

    @model_validator(mode="after")
    def _require_settings(self) -> Self:
        self._borrowed = borrowed(self, _SETTINGS)
        self._borrowed.require_settings()
        return self

    @property
    def _audio(self) -> ApertisAudio:
        return self._borrowed.audio


def borrowed(model: BaseModel, names: Iterable[str]) -> Borrowed:
    """The client of a model that has a ``client`` and its settings for fields.

    Next to a client, settings that come from the environment do not count.

    Raises:
        ConfigurationError: Both were given.
    """
    client: ApertisAudio | None = getattr(model, "client", None)
    said = names if client is None else [each for each in names if each in model.model_fields_set]
    given = {name: getattr(model, name) for name in said}
    options = {name: value for name, value in given.items() if value is not None}
    return Borrowed(client, cast("ClientOptions", options))
