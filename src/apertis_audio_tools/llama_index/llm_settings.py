"""The settings of the language model: of its client, and of its requests."""

from collections.abc import Mapping
from typing import Any, Literal

from llama_index.core.base.llms.types import LLMMetadata
from llama_index.core.llms.function_calling import FunctionCallingLLM
from pydantic import Field

from apertis_audio_tools.adapters import chat_schema
from apertis_audio_tools.api.options import ChatOptions
from apertis_audio_tools.files.access import FileAccess
from apertis_audio_tools.llama_index.client_settings import ClientSettings
from apertis_audio_tools.models import CHAT_MODEL

CONTEXT_WINDOW = 128_000
MAX_OUTPUT = 16_384
"""Both in tokens, of gpt-4o-audio-preview, as OpenAI's page about that model has them."""


class LLMSettings(ClientSettings, FunctionCallingLLM):
    """What can be set, and what LlamaIndex is told of it."""

    model: str = CHAT_MODEL
    voice: str | None = None
    audio_format: str = "wav"
    modalities: list[Literal["text", "audio"]] | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: list[str] | str | None = None
    seed: int | None = None
    parallel_tool_calls: bool | None = None
    additional_kwargs: dict[str, Any] = Field(default_factory=dict)
    context_window: int = CONTEXT_WINDOW
    file_access: FileAccess | None = Field(default=None, exclude=True, repr=False)

    @classmethod
    def class_name(cls) -> str:
        """The name under which its settings are written down."""
        return "ApertisAudioLLM"

    @property
    def metadata(self) -> LLMMetadata:
        """What LlamaIndex wants to know of a model before it asks it."""
        return LLMMetadata(
            context_window=self.context_window,
            num_output=MAX_OUTPUT if self.max_tokens is None else self.max_tokens,
            is_chat_model=True,
            is_function_calling_model=True,
            model_name=self.model,
        )

    def _options(self, given: Mapping[str, Any]) -> ChatOptions:
        names = (*chat_schema.REQUEST_FIELDS, "stop", "additional_kwargs")
        own = {name: getattr(self, name) for name in names}
        return chat_schema.merge_chat_options(own, given, further="additional_kwargs")
