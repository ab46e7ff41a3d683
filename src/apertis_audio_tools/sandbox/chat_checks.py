"""What the shape of a chat request cannot say: how its parts must fit together."""

from collections.abc import Sequence

from apertis_audio_tools.sandbox.chat_messages import (
    AssistantMessage,
    ChatRequest,
    Message,
    NamedChoice,
    ToolMessage,
)
from apertis_audio_tools.sandbox.refusals import invalid, missing
from apertis_audio_tools.sandbox.speech import require_voice


def check(asked: ChatRequest) -> None:
    """Refuse combinations the service refuses.

    Raises:
        Refusal: 400 invalid_parameter or missing_parameter.
    """
    _check_audio(asked)
    _check_tools(asked)
    _check_conversation(asked.messages)
    if asked.stream_options is not None and not asked.stream:
        raise invalid("stream_options", "'stream_options' is only allowed with 'stream'.")
    shape = asked.response_format
    if shape is not None and shape.type == "json_schema" and shape.json_schema is None:
        raise missing("response_format.json_schema")


def _check_audio(asked: ChatRequest) -> None:
    if asked.audio is not None:
        require_voice(asked.audio.voice, asked.model, "audio.voice")
    if not asked.speaks:
        return
    if asked.audio is None:
        raise missing("audio")
    if asked.stream:
        message = "Streaming is not supported for audio output: request a non-streaming response."
        raise invalid("stream", message)


def _check_tools(asked: ChatRequest) -> None:
    names = {tool.function.name for tool in asked.tools or ()}
    choice = asked.tool_choice
    if choice is not None and not names:
        raise invalid("tool_choice", "'tool_choice' is only allowed with 'tools'.")
    if isinstance(choice, NamedChoice) and choice.function.name not in names:
        raise invalid("tool_choice", f"There is no tool named '{choice.function.name}'.")


def _check_conversation(messages: Sequence[Message]) -> None:
    """Every tool call is answered, at once, and nothing is answered that was not called."""
    open_calls: set[str] = set()
    for number, message in enumerate(messages):
        where = f"messages[{number}]"
        if isinstance(message, ToolMessage):
            if message.tool_call_id not in open_calls:
                raise invalid(where, "A tool message must answer a tool call before it.")
            open_calls.remove(message.tool_call_id)
            continue
        _check_answered(open_calls, where)
        if isinstance(message, AssistantMessage):
            _check_says_something(message, where)
            open_calls = {call.id for call in message.tool_calls or ()}
    _check_answered(open_calls, f"messages[{len(messages) - 1}]")


def _check_answered(open_calls: set[str], where: str) -> None:
    if open_calls:
        listed = ", ".join(sorted(open_calls))
        raise invalid(where, f"These tool calls have no answer: {listed}.")


def _check_says_something(message: AssistantMessage, where: str) -> None:
    if message.content is None and message.audio is None and message.tool_calls is None:
        raise invalid(where, "An assistant message needs content, audio or tool calls.")
