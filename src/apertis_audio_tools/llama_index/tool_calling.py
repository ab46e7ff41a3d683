"""Tool calls of the language model, and structured output by means of them."""

# ruff: noqa: ARG002, FBT001, FBT002, PLR0917  # LlamaIndex defines the signatures

from collections.abc import AsyncGenerator, Generator, Sequence
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.program.utils import FlexibleModel, get_program_for_llm
from llama_index.core.prompts import PromptTemplate
from llama_index.core.types import BasePydanticProgram, PydanticProgramMode
from pydantic import BaseModel

from apertis_audio_tools.adapters.chat_schema.replies import ToolChoice, resolve_tool_choice
from apertis_audio_tools.llama_index import instrumentation, responses
from apertis_audio_tools.llama_index.llm_settings import LLMSettings

if TYPE_CHECKING:
    from llama_index.core.tools.types import BaseTool

Output = TypeVar("Output", bound=BaseModel)
Prediction: TypeAlias = FlexibleModel | list[FlexibleModel] | Output | list[Output]

_TOOL_CALL_MODES = frozenset({PydanticProgramMode.DEFAULT, PydanticProgramMode.FUNCTION})


class ToolCallingLLM(LLMSettings):
    """Hooks through which LlamaIndex offers tools to a model and reads its calls."""

    @instrumentation.without_span
    def _prepare_chat_with_tools(
        self,
        tools: "Sequence[BaseTool]",
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        tool_choice: ToolChoice = None,
        **kwargs: object,
    ) -> dict[str, object]:
        declared = [tool.metadata.to_openai_tool(skip_length_check=True) for tool in tools]
        names = [tool["function"]["name"] for tool in declared]
        is_required = tool_required and bool(names)  # as in LlamaIndex's own classes
        requested = is_required if tool_choice is None else tool_choice
        if (choice := resolve_tool_choice(requested, names)) is not None:
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
        tools: "Sequence[BaseTool]",
        allow_parallel_tool_calls: bool = False,
        **kwargs: object,
    ) -> ChatResponse:
        return response if allow_parallel_tool_calls else responses.drop_further_calls(response)

    def get_tool_calls_from_response(
        self,
        response: ChatResponse,
        error_on_no_tool_call: bool = True,
        **kwargs: object,
    ) -> list[ToolSelection]:
        """Return the tools that a response calls, with their arguments.

        Raises:
            ValueError: If it calls none and `error_on_no_tool_call` is true.
            MalformedResponseError: If the arguments of a call are not a JSON object, and a call is
                required or `raise_on_invalid_arguments` is set.
        """
        return responses.select_tools(
            response,
            must_call=error_on_no_tool_call,
            must_parse=error_on_no_tool_call or self.raise_on_invalid_arguments,
        )

    def _structured_stream_call(
        self,
        output_cls: type[Output],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, object] | None = None,
        **prompt_args: object,
    ) -> Generator[Prediction[Output]]:
        program = self._program(output_cls, prompt)
        return program.stream_call(llm_kwargs=llm_kwargs, **prompt_args)

    async def _structured_astream_call(
        self,
        output_cls: type[Output],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, object] | None = None,
        **prompt_args: object,
    ) -> AsyncGenerator[Prediction[Output]]:
        program = self._program(output_cls, prompt)
        return await program.astream_call(llm_kwargs=llm_kwargs, **prompt_args)

    def _program(
        self, output_cls: type[Output], prompt: PromptTemplate
    ) -> BasePydanticProgram[Output]:
        """Return a program that streams an object and requires the tool call it is read from.

        Without `tool_choice`, the program of LlamaIndex expects a call that it never requires.
        """
        is_tool_call = self.pydantic_program_mode in _TOOL_CALL_MODES
        return get_program_for_llm(
            output_cls,
            prompt,
            self,
            pydantic_program_mode=self.pydantic_program_mode,
            **({"tool_choice": "required"} if is_tool_call else {}),
        )


def _with_question(
    history: Sequence[ChatMessage] | None, question: str | ChatMessage | None
) -> list[ChatMessage]:
    """Return a new list, because the history belongs to the caller."""
    messages = list(history or ())
    if isinstance(question, str):
        question = ChatMessage(role=MessageRole.USER, content=question)
    return messages if question is None else [*messages, question]
