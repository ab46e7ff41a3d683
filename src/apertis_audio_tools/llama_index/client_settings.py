"""The client of an adapter: one that was given, or one of its own, made when it is first needed."""

import os
from typing import Annotated, Any

from llama_index.core.schema import BaseComponent
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, PrivateAttr, SecretStr

from apertis_audio_tools.adapters.client_handle import LazyClient, ModelTable
from apertis_audio_tools.client import ApertisAudio, settings


def _as_text(given: Any) -> Any:
    return os.fspath(given) if isinstance(given, os.PathLike) else given


Folder = Annotated[str | os.PathLike[str], BeforeValidator(_as_text)]
"""Kept as text, which dictionaries can carry."""


class ClientSettings(BaseComponent):
    """What the adapters take of the settings of `ApertisAudio`; None is the client's default.

    Neither the key, nor a client, nor a table of models is written into dictionaries; the key and
    the table travel to worker processes.
    """

    model_config = ConfigDict(
        arbitrary_types_allowed=True,
        extra="forbid",  # a misspelt argument would go unnoticed
        hide_input_in_errors=True,  # it might be a key
    )

    api_key: Annotated[SecretStr | str | None, AfterValidator(settings.as_secret)] = Field(
        default=None, exclude=True
    )
    base_url: str | None = None
    timeout: float | None = None
    deadline: float | None = None
    max_retries: int | None = None
    max_wait: float | None = None
    max_concurrency: int | None = None
    requests_per_minute: int | None = None
    cache: bool | Folder | None = None
    models: ModelTable = Field(default=None, exclude=True, repr=False)
    client: ApertisAudio | None = Field(default=None, exclude=True, repr=False)
    _borrowed: LazyClient = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Refuse a client together with settings of one.

        Raises:
            ConfigurationError: Both were given.
        """
        super().model_post_init(context)
        self._borrowed = LazyClient.from_model(self)

    def __getstate__(self) -> dict[str, Any]:
        self._borrowed.require_picklable()
        return super().__getstate__()

    @property
    def audio(self) -> ApertisAudio:
        """The client, made now if it has to be.

        Raises:
            ConfigurationError: There is no key, or a setting that cannot be.
        """
        return self._borrowed.client
