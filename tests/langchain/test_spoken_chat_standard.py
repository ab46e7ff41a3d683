"""A chat model that speaks passes LangChain's conformance suite as well, against the sandbox."""

from typing import Any

from support.contract.langchain_chat_models import SandboxChatModel


class TestSpokenIntegration(SandboxChatModel):
    """Everything the suite requires of a model, of one whose replies are spoken."""

    @property
    def chat_model_params(self) -> dict[str, Any]:
        """Arguments of the class."""
        return {**super().chat_model_params, "voice": "nova"}
