"""The settings of the chat model, and how LangChain stores and traces them."""

import uuid
from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Self

from langchain_core.caches import BaseCache
from langchain_core.language_models import BaseChatModel, ModelProfile
from langchain_core.language_models.base import LangSmithParams
from pydantic import AliasChoices, ConfigDict, Field, model_validator

from apertis_audio_tools.adapters.chat_schema.options import ChatFields, first_stop
from apertis_audio_tools.adapters.client_handle import STRICT_CONFIG
from apertis_audio_tools.api.options import ChatOptions
from apertis_audio_tools.client import settings
from apertis_audio_tools.files.access import FileAccess
from apertis_audio_tools.langchain.client_fields import CheckedClientFields
from apertis_audio_tools.langchain.messages import PROVIDER
from apertis_audio_tools.models import AUTO, DEFAULT_MODELS, MODELS


class ChatSettings(ChatFields, CheckedClientFields, BaseChatModel):
    """Settings of `ChatApertisAudio`."""

    model_config: ClassVar[ConfigDict] = STRICT_CONFIG

    model: str = Field(default=AUTO, validation_alias=AliasChoices("model", "model_name"))
    max_tokens: int | None = Field(
        default=None, validation_alias=AliasChoices("max_tokens", "max_completion_tokens")
    )
    stop: list[str] | str | None = Field(
        default=None, validation_alias=AliasChoices("stop", "stop_sequences")
    )
    audio: dict[str, Any] | None = None
    model_kwargs: dict[str, Any] = Field(default_factory=dict)
    streaming: bool = False
    cache: BaseCache | bool | None = Field(default=None, exclude=True)
    file_access: FileAccess | None = Field(default=None, exclude=True, repr=False)
    timeout: float | None = Field(
        default=None, frozen=True, validation_alias=AliasChoices("timeout", "request_timeout")
    )

    _UNRELATED_FIELDS: ClassVar[Collection[str]] = ("cache",)  # LangChain's cache of replies

    @model_validator(mode="after")
    def _disable_cache_with_files(self) -> Self:
        # LangChain's cache knows a file by its path, and would not notice that it changed.
        if self.file_access is not None and self.cache is None:
            self.cache = False
        return self

    @property
    def model_name(self) -> str:
        """The model, under the name that other integrations use."""
        return self.model

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Return True: settings are serializable, except the key, client and file access."""
        return True

    @property
    def lc_secrets(self) -> dict[str, str]:
        """Environment variables that secrets are loaded from."""
        return {"api_key": "APERTIS_API_KEY"}

    @property
    def _request_settings(self) -> dict[str, Any]:
        return {**super()._request_settings, "audio": self.audio}

    @property
    def _llm_type(self) -> str:
        return "apertis-audio-chat"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {
            **self._request_settings,
            "model_kwargs": self.model_kwargs,
            "base_url": self.client.base_url
            if self.client
            else settings.resolve_base_url(self.base_url),
        }

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        options = {**self._request_settings, **kwargs}
        params = LangSmithParams(
            ls_provider=PROVIDER, ls_model_type="chat", ls_model_name=options["model"]
        )
        if (temperature := options["temperature"]) is not None:
            params["ls_temperature"] = temperature
        if (max_tokens := options["max_tokens"]) is not None:
            params["ls_max_tokens"] = max_tokens
        if stops := first_stop(stop, self.stop):
            params["ls_stop"] = stops
        return params

    def _resolve_model_profile(self) -> ModelProfile | None:
        row = MODELS.get(DEFAULT_MODELS["chat"] if self.model == AUTO else self.model)
        if row is None or "chat" not in row.formats:
            return None
        profile = ModelProfile(
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
            structured_output=False,  # json_schema is undocumented: agents should use a tool
        )
        if row.max_input_tokens is not None:
            profile["max_input_tokens"] = row.max_input_tokens
        if row.max_output_tokens is not None:
            profile["max_output_tokens"] = row.max_output_tokens
        return profile

    def _get_llm_string(self, stop: list[str] | None = None, **kwargs: Any) -> str:
        """Return the key of a request, apart from its messages, in LangChain's caches."""
        access = self.file_access
        folders = () if access is None else (*access.inputs, access.output)
        params = {**self._identifying_params, "folders": [str(folder) for folder in folders]}
        if access is not None and self.cache is None:  # set on a copy, or later on
            params["nonce"] = uuid.uuid4()  # no cached reply may match
        return f"{super()._get_llm_string(stop=stop, **kwargs)}---{sorted(params.items())}"

    def _options(self, stop: list[str] | None, kwargs: Mapping[str, Any]) -> ChatOptions:
        """Return the options of a request: arguments of the call, else settings of the model."""
        overrides = {name: value for name, value in kwargs.items() if name != "stream"}
        return self._merge_options({**overrides, "stop": stop}, further="model_kwargs")
