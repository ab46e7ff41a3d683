"""Validate the combinations of chat parameters that a schema cannot express."""

from collections.abc import Sequence

from apertis_audio_tools.sandbox.chat_request import (
    AssistantMessage,
    ChatMessage,
    ChatRequest,
    NamedToolChoice,
    ToolMessage,
)
from apertis_audio_tools.sandbox.error_responses import invalid_parameter, missing_parameter
from apertis_audio_tools.sandbox.speech_endpoint import require_voice


def require_consistent(request: ChatRequest) -> None:
    """Raise 400 invalid_parameter or missing_parameter for inconsistent parameters."""
    _check_audio(request)
    _check_tools(request)
    _check_conversation(request.messages)
    if request.stream_options is not None and not request.stream:
        raise invalid_parameter("stream_options", "'stream_options' is only allowed with 'stream'.")
    output = request.response_format
    if output is not None and output.type == "json_schema" and output.json_schema is None:
        raise missing_parameter("response_format.json_schema")


def _check_audio(request: ChatRequest) -> None:
    if request.audio is not None:
        require_voice(request.audio.voice, request.model, "audio.voice")
    if not request.speaks:
        return
    if request.audio is None:
        raise missing_parameter("audio")
    if request.stream:
        message = "Streaming is not supported for audio output: request a non-streaming response."
        raise invalid_parameter("stream", message)


def _check_tools(request: ChatRequest) -> None:
    names = {tool.function.name for tool in request.tools or ()}
    choice = request.tool_choice
    if choice is not None and not names:
        raise invalid_parameter("tool_choice", "'tool_choice' is only allowed with 'tools'.")
    if isinstance(choice, NamedToolChoice) and choice.function.name not in names:
        raise invalid_parameter("tool_choice", f"There is no tool named '{choice.function.name}'.")


def _check_conversation(messages: Sequence[ChatMessage]) -> None:
    """Require that tool messages follow their calls directly, one for each call."""
    open_calls: set[str] = set()
    for number, message in enumerate(messages):
        where = f"messages[{number}]"
        if isinstance(message, ToolMessage):
            if message.tool_call_id not in open_calls:
                raise invalid_parameter(where, "A tool message must answer a tool call before it.")
            open_calls.remove(message.tool_call_id)
            continue
        _require_no_open_calls(open_calls, where)
        if isinstance(message, AssistantMessage):
            if message.content is None and message.audio is None and message.tool_calls is None:
                raise invalid_parameter(
                    where, "An assistant message needs content, audio or tool calls."
                )
            open_calls = {call.id for call in message.tool_calls or ()}
    _require_no_open_calls(open_calls, f"messages[{len(messages) - 1}]")


def _require_no_open_calls(open_calls: set[str], where: str) -> None:
    if open_calls:
        listed = ", ".join(sorted(open_calls))
        raise invalid_parameter(where, f"These tool calls have no answer: {listed}.")
