"""LangChain's conformance suite of chat models, against the sandbox."""
# ruff: noqa: D102  # the suite documents its properties

from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_tests.integration_tests import ChatModelIntegrationTests

from apertis_audio_tools import FileAccess
from apertis_audio_tools.langchain import ChatApertisAudio

CLIP = Path(__file__).parents[2] / "clips" / "clip.wav"
RECORDING = "https://upload.wikimedia.org/wikipedia/commons/6/6a/Northern_Flicker_202280456.wav"


class SandboxChatModel(ChatModelIntegrationTests):
    """Everything the suite requires of a model with audio, over HTTP."""

    @pytest.fixture(autouse=True)
    def _service(self, sandbox_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Use the sandbox as the service, and a local clip for the one the suite would download."""
        self.url = sandbox_url
        monkeypatch.setenv("LANGCHAIN_TESTS_USER_AGENT", "apertis-audio-tools")
        fetch = httpx.get

        def get(url: str, **options: Any) -> httpx.Response:
            if url == RECORDING:
                return httpx.Response(200, content=CLIP.read_bytes())
            return fetch(url, **options)

        monkeypatch.setattr(httpx, "get", get)

    @pytest.fixture
    def whole_cassette(self) -> None:
        """Return nothing: the suite's own cassettes are not used, see tests/service."""

    @property
    def chat_model_class(self) -> type[ChatApertisAudio]:
        return ChatApertisAudio

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"base_url": self.url, "api_key": "sk-integration"}

    @property
    def supports_audio_inputs(self) -> bool:
        return True

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return "gpt-4o-audio-preview-2025-06-03"

    @property
    def supported_usage_metadata_details(self) -> dict[Literal["invoke", "stream"], list[Any]]:
        details = ["audio_input", "audio_output"]
        return {"invoke": details, "stream": details}

    def invoke_with_audio_input(self, *, stream: bool = False) -> AIMessage:
        model = ChatApertisAudio(**self.chat_model_params, file_access=FileAccess(CLIP.parent))
        clip = {"type": "audio", "path": CLIP.name}
        return reply_of(model, [HumanMessage(["What is said?", clip])], stream=stream)

    def invoke_with_audio_output(self, *, stream: bool = False) -> AIMessage:
        model = ChatApertisAudio(**{**self.chat_model_params, "voice": "nova"})
        return reply_of(model, [HumanMessage("Say yes.")], stream=stream)


def reply_of(model: ChatApertisAudio, messages: list[BaseMessage], *, stream: bool) -> AIMessage:
    """Return the reply of a model, invoked or joined from a stream."""
    if not stream:
        return model.invoke(messages)
    first, *rest = model.stream(messages)
    return sum(rest, first)
