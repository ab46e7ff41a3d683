"""The settings of the chat model: of its client, and of its requests."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from langchain_core.language_models import BaseChatModel, ModelProfile
from langchain_core.language_models.base import LangSmithParams
from langchain_core.utils import from_env, secret_from_env
from pydantic import (
    AfterValidator,
    AliasChoices,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    model_validator,
)

from apertis_audio_tools import conversations, settings
from apertis_audio_tools.access import FileAccess
from apertis_audio_tools.borrowing import Borrowed, borrowed
from apertis_audio_tools.client import CHAT_MODEL, ApertisAudio
from apertis_audio_tools.langchain.messages import PROVIDER
from apertis_audio_tools.models import MODELS


class ChatSettings(BaseChatModel):
    """What can be set, where it comes from, and what of it is written down."""

    model_config = ConfigDict(
        extra="forbid",  # a misspelt argument would go unnoticed
        hide_input_in_errors=True,  # it might be a key
    )

    model: str = Field(default=CHAT_MODEL, validation_alias=AliasChoices("model", "model_name"))
    voice: str | None = None
    audio_format: str = "wav"
    modalities: list[Literal["text", "audio"]] | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = Field(
        default=None, validation_alias=AliasChoices("max_tokens", "max_completion_tokens")
    )
    stop: list[str] | str | None = Field(
        default=None, validation_alias=AliasChoices("stop", "stop_sequences")
    )
    seed: int | None = None
    parallel_tool_calls: bool | None = None
    model_kwargs: dict[str, Any] = Field(default_factory=dict)
    streaming: bool = False
    file_access: FileAccess | None = Field(default=None, exclude=True, repr=False)
    api_key: Annotated[SecretStr | str | None, AfterValidator(settings.hidden)] = Field(
        default_factory=secret_from_env("APERTIS_API_KEY", default=None)
    )
    base_url: str | None = Field(default_factory=from_env("APERTIS_BASE_URL", default=None))
    timeout: float | None = Field(
        default=None, validation_alias=AliasChoices("timeout", "request_timeout")
    )
    deadline: float | None = None
    max_retries: int | None = None
    client: ApertisAudio | None = Field(default=None, exclude=True, repr=False)

    _borrowed: Borrowed = PrivateAttr()

    @model_validator(mode="after")
    def _require_settings(self) -> Self:
        self._borrowed = borrowed(self)
        self._borrowed.require_settings()
        return self

    @property
    def model_name(self) -> str:
        """The model, under the name that other integrations have for it."""
        return self.model

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Settings can be written down; the key, the client and the file access never are."""
        return True

    @property
    def lc_secrets(self) -> dict[str, str]:
        """Where a secret comes from when settings are read back."""
        return {"api_key": "APERTIS_API_KEY"}

    @property
    def _llm_type(self) -> str:
        return "apertis-audio-chat"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {
            **{name: getattr(self, name) for name in conversations.OF_A_REQUEST},
            "model_kwargs": self.model_kwargs,
            "base_url": self.client.base_url if self.client else settings.base_url(self.base_url),
        }

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        options = {**{name: getattr(self, name) for name in conversations.OF_A_REQUEST}, **kwargs}
        params = LangSmithParams(
            ls_provider=PROVIDER, ls_model_type="chat", ls_model_name=options["model"]
        )
        if (temperature := options["temperature"]) is not None:
            params["ls_temperature"] = temperature
        if (max_tokens := options["max_tokens"]) is not None:
            params["ls_max_tokens"] = max_tokens
        if stops := conversations.stops(stop, self.stop):
            params["ls_stop"] = stops
        return params

    def _resolve_model_profile(self) -> ModelProfile | None:
        row = MODELS.get(self.model)
        if row is None or "chat" not in row.formats:
            return None
        return ModelProfile(
            text_inputs=True,
            audio_inputs=True,
            image_inputs=False,
            image_url_inputs=False,
            pdf_inputs=False,
            video_inputs=False,
            text_outputs=True,
            audio_outputs=True,
            image_outputs=False,
            video_outputs=False,
            tool_calling=True,
            tool_choice=True,
            structured_output=False,  # nothing is documented: agents do better with a tool
        )

    @property
    def _audio(self) -> ApertisAudio:
        return self._borrowed.audio

    def _options(self, stop: list[str] | None, given: Mapping[str, Any]) -> dict[str, Any]:
        """What is asked of the service: of this call, else of this model.

        Raises:
            UnsupportedError: An argument that the chat verb has not.
        """
        names = (*conversations.OF_A_REQUEST, "stop", "model_kwargs")
        own = {name: getattr(self, name) for name in names}
        per_call = {name: value for name, value in given.items() if name != "stream"}
        return conversations.options(own, {**per_call, "stop": stop}, further="model_kwargs")
