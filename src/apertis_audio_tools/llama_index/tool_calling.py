"""How the language model calls tools, and makes objects of a schema by calling one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.program.utils import get_program_for_llm
from llama_index.core.prompts import PromptTemplate
from llama_index.core.types import PydanticProgramMode
from pydantic import BaseModel

from apertis_audio_tools.adapters import chat_schema
from apertis_audio_tools.llama_index import instrumentation, responses
from apertis_audio_tools.llama_index.llm_settings import LLMSettings

if TYPE_CHECKING:
    from llama_index.core.tools.types import BaseTool

_BY_A_CALL = frozenset({PydanticProgramMode.DEFAULT, PydanticProgramMode.FUNCTION})


class ToolCallingLLM(LLMSettings):
    """What LlamaIndex asks of a model that calls tools."""

    @instrumentation.without_span
    def _prepare_chat_with_tools(  # noqa: PLR0917  # as its base has it
        self,
        tools: "Sequence[BaseTool]",
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,  # noqa: ARG002, FBT001, FBT002
        allow_parallel_tool_calls: bool = False,  # noqa: FBT001, FBT002
        tool_required: bool = False,  # noqa: FBT001, FBT002
        tool_choice: chat_schema.ToolChoice = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        declared = [tool.metadata.to_openai_tool(skip_length_check=True) for tool in tools]
        names = [tool["function"]["name"] for tool in declared]
        chosen = tool_choice if tool_choice is not None else tool_required
        if (choice := chat_schema.resolve_tool_choice(chosen, names)) is not None:
            kwargs["tool_choice"] = choice
        return {
            "messages": _with_question(chat_history, user_msg),
            "tools": declared,
            "parallel_tool_calls": allow_parallel_tool_calls,
            **kwargs,
        }

    def _validate_chat_with_tools_response(
        self,
        response: ChatResponse,
        tools: "Sequence[BaseTool]",  # noqa: ARG002
        allow_parallel_tool_calls: bool = False,  # noqa: FBT001, FBT002
        **kwargs: Any,  # noqa: ARG002
    ) -> ChatResponse:
        return response if allow_parallel_tool_calls else responses.one_call(response)

    def get_tool_calls_from_response(
        self,
        response: ChatResponse,
        error_on_no_tool_call: bool = True,  # noqa: FBT001, FBT002
        **kwargs: Any,  # noqa: ARG002
    ) -> list[ToolSelection]:
        """The tools that a response calls, with their arguments.

        Raises:
            ValueError: It calls none, and had to.
            MalformedResponseError: The arguments of one are no JSON object.
        """
        return responses.selections(response, must_call=error_on_no_tool_call)

    def _structured_stream_call(
        self,
        output_cls: type[BaseModel],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Any:
        program = self._program(output_cls, prompt)
        return program.stream_call(llm_kwargs=llm_kwargs, **prompt_args)

    async def _structured_astream_call(
        self,
        output_cls: type[BaseModel],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Any:
        program = self._program(output_cls, prompt)
        return await program.astream_call(llm_kwargs=llm_kwargs, **prompt_args)

    def _program(self, output_cls: type[BaseModel], prompt: PromptTemplate) -> Any:
        """What streams an object: LlamaIndex's own does not ask for the call it then expects."""
        is_called = self.pydantic_program_mode in _BY_A_CALL
        return get_program_for_llm(
            output_cls,
            prompt,
            self,
            pydantic_program_mode=self.pydantic_program_mode,
            **({"tool_choice": "required"} if is_called else {}),
        )


def _with_question(
    history: Sequence[ChatMessage] | None, question: str | ChatMessage | None
) -> list[ChatMessage]:
    """A new list: the caller's history stays as it is."""
    messages = list(history or ())
    if isinstance(question, str):
        question = ChatMessage(role=MessageRole.USER, content=question)
    return messages if question is None else [*messages, question]
