"""Client settings of the adapters: those of a client made on first use, or the caller's client."""

import os
from typing import Annotated, Any, ClassVar

from llama_index.core.schema import BaseComponent
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, PrivateAttr, SecretStr

from apertis_audio_tools.adapters.client_handle import LazyClient, ModelTable
from apertis_audio_tools.client import ApertisAudio, settings


def _as_text(path: object) -> object:
    return os.fspath(path) if isinstance(path, os.PathLike) else path


Folder = Annotated[str | os.PathLike[str], BeforeValidator(_as_text)]
"""Path that is stored as text, because it has to be serialised."""


class ClientSettings(BaseComponent):
    """Settings of `ApertisAudio` that the adapters accept; None is the client's default.

    The key, the client and the table of models are not serialised. The key and the table are
    pickled, so that worker processes have them.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        arbitrary_types_allowed=True,
        extra="forbid",  # a misspelt argument would be ignored
        hide_input_in_errors=True,  # it could be a key
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
    _lazy_client: LazyClient = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Reject a client together with settings of one.

        Raises:
            ConfigurationError: If both were given.
        """
        super().model_post_init(context)
        self._lazy_client = LazyClient.from_model(self)

    def __getstate__(self) -> dict[str, Any]:
        self._lazy_client.require_picklable()
        return super().__getstate__()

    @property
    def audio(self) -> ApertisAudio:
        """The client, which is created on first use.

        Raises:
            ConfigurationError: If there is no key, or a setting is invalid.
        """
        return self._lazy_client.client
