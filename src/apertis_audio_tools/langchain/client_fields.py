"""The client of a LangChain object: the caller's, or one made from the object's own settings."""

import os
from typing import Any, cast

from langchain_core.utils import from_env
from pydantic import Field

from apertis_audio_tools.adapters.client_handle import (
    ClientFields,
    ClientOptions,
    SecretKey,
    hide_key,
)
from apertis_audio_tools.client.settings import EnvironmentKey
from apertis_audio_tools.pipeline.cache import CacheSetting

_ENVIRONMENT_FIELDS = frozenset({"api_key", "base_url"})


def _environment_key() -> EnvironmentKey | None:
    key = os.environ.get("APERTIS_API_KEY")
    return None if key is None else EnvironmentKey(key)


class CheckedClientFields(ClientFields):
    """Client fields that default to environment variables, and are checked at once."""

    api_key: SecretKey = Field(default_factory=_environment_key, frozen=True, exclude=True)
    base_url: str | None = Field(
        default_factory=from_env("APERTIS_BASE_URL", default=None), frozen=True
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        hide_key(cast("ClientOptions", kwargs))  # first: the frames below would show the key
        super().__init__(*args, **kwargs)

    def model_post_init(self, context: Any, /) -> None:
        """Refuse settings that no client can be made with."""
        if self.client is not None:
            # LangChain copies objects by passing all their fields: values that only came from the
            # environment must not come back as arguments next to a client.
            unset = _ENVIRONMENT_FIELDS - self.model_fields_set
            self.__dict__.update(dict.fromkeys(unset))
        super().model_post_init(context)
        self._lazy_client.require_settings()


class CachingClientFields(CheckedClientFields):
    """The client fields of objects that transcribe, whose client can cache transcripts."""

    cache: CacheSetting = Field(default=None, frozen=True)
