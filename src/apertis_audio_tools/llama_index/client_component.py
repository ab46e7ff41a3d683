"""The client of a LlamaIndex component: the caller's, or one made from the component's settings."""

import os
from typing import Annotated, ClassVar

from llama_index.core.schema import BaseComponent
from pydantic import BeforeValidator, ConfigDict, Field

from apertis_audio_tools.adapters.client_handle import STRICT_CONFIG, ClientFields
from apertis_audio_tools.client import ApertisAudio


def _as_text(path: object) -> object:
    return os.fspath(path) if isinstance(path, os.PathLike) else path


PathText = Annotated[str | os.PathLike[str], BeforeValidator(_as_text)]
"""Path that is stored as text, because it has to be serialised."""


class ClientComponent(ClientFields, BaseComponent):
    """A component with a client, which is created on first use."""

    model_config: ClassVar[ConfigDict] = STRICT_CONFIG

    cache: bool | PathText | None = Field(default=None, frozen=True)

    @property
    def audio_client(self) -> ApertisAudio:
        """The client, which is created on first use.

        Raises:
            ConfigurationError: If there is no key, or a setting is invalid.
        """
        return self._lazy_client.client
