"""Settings of the language model: those of its client, and those of its requests."""

from collections.abc import Mapping
from typing import Any

from llama_index.core.base.llms.types import LLMMetadata
from llama_index.core.llms.function_calling import FunctionCallingLLM
from pydantic import Field

from apertis_audio_tools.adapters.chat_schema.options import ChatFields
from apertis_audio_tools.api.options import ChatOptions
from apertis_audio_tools.files.access import FileAccess
from apertis_audio_tools.llama_index.client_component import ClientComponent
from apertis_audio_tools.models import AUTO

CONTEXT_WINDOW: int = 128_000
"""Context window of gpt-4o-audio-preview in tokens, as OpenAI documents it."""
MAX_OUTPUT_TOKENS: int = 16_384
"""Longest reply of gpt-4o-audio-preview in tokens, as OpenAI documents it."""


class LLMSettings(ChatFields, ClientComponent, FunctionCallingLLM):
    """Settings of a chat model, and the metadata LlamaIndex derives from them."""

    model: str = Field(default=AUTO, kw_only=False)
    additional_kwargs: dict[str, Any] = Field(default_factory=dict)
    context_window: int = CONTEXT_WINDOW
    keep_audio: int | None = Field(default=None, ge=0)
    raise_on_invalid_arguments: bool = False
    file_access: FileAccess | None = Field(default=None, exclude=True, repr=False)

    @classmethod
    def class_name(cls) -> str:
        """Return the name that identifies the class in serialised settings."""
        return "ApertisAudioLLM"

    @property
    def metadata(self) -> LLMMetadata:
        """Capabilities and limits of the model, as LlamaIndex reads them."""
        return LLMMetadata(
            context_window=self.context_window,
            num_output=MAX_OUTPUT_TOKENS if self.max_tokens is None else self.max_tokens,
            is_chat_model=True,
            is_function_calling_model=True,
            model_name=self.model,
        )

    def _options(self, arguments: Mapping[str, object]) -> ChatOptions:
        """Return the options of a request: the arguments of the call, else the settings."""
        return self._merge_options(arguments, further="additional_kwargs")
