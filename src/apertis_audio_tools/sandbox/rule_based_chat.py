"""Answer a chat by a fixed rule in place of a model; docs/sandbox.md documents the rule."""

import json
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from apertis_audio_tools.sandbox import tables
from apertis_audio_tools.sandbox.chat_request import (
    ChatMessage,
    ChatRequest,
    NamedToolChoice,
    ToolMessage,
    UserMessage,
    recordings_in,
    text_of,
)
from apertis_audio_tools.sandbox.error_responses import invalid_parameter
from apertis_audio_tools.sandbox.schema_filling import fill_schema, quoted_phrases

CHARACTERS_PER_TOKEN: Final = 4
_MAX_CHARACTERS: Final = tables.MAX_OUTPUT_TOKENS * CHARACTERS_PER_TOKEN
_MAX_KEYS: Final = 100
_NO_ARGUMENTS: Final[dict[str, object]] = {"type": "object", "properties": {}}


@dataclass(frozen=True)
class GeneratedToolCall:
    """A tool call in the reply."""

    id: str
    name: str
    arguments: object

    @property
    def arguments_json(self) -> str:
        """The arguments as JSON text."""
        return json.dumps(self.arguments, ensure_ascii=False)

    def to_json(self, arguments: str) -> dict[str, object]:
        """Return the call as part of a message, with the given JSON text of arguments."""
        function = {"name": self.name, "arguments": arguments}
        return {"id": self.id, "type": "function", "function": function}


@dataclass(frozen=True)
class GeneratedReply:
    """The reply to a chat: a text or tool calls, and the reason why it ends."""

    text: str
    calls: Sequence[GeneratedToolCall]
    finish_reason: str


def last_user_message(request: ChatRequest) -> UserMessage | None:
    """Return the user's last message."""
    return next((m for m in reversed(request.messages) if isinstance(m, UserMessage)), None)


def generate_reply(request: ChatRequest, recording_texts: Sequence[str]) -> GeneratedReply:
    """Answer a chat, given the text of each recording in the user's last message.

    Raise 400 invalid_parameter if the schema of a tool cannot be followed.
    """
    user = last_user_message(request)
    written = [] if user is None else [text_of(user)]
    user_text = " ".join([*written, *recording_texts])[:_MAX_CHARACTERS]
    if calls := _tool_calls(request, user_text):
        return GeneratedReply("", calls, "tool_calls")
    return _limit(_reply_text(request, user, recording_texts, user_text), request)


def _tool_calls(request: ChatRequest, user_text: str) -> list[GeneratedToolCall]:
    calls, size = [], 0
    for name, schema in _chosen_tools(request, user_text):
        arguments = fill_schema(schema, user_text)
        calls.append(GeneratedToolCall(f"call_{secrets.token_hex(12)}", name, arguments))
        size += len(calls[-1].arguments_json)
        if size > _MAX_CHARACTERS:
            raise invalid_parameter("tools", "The arguments of the tool calls would be too long.")
    return calls


def _chosen_tools(request: ChatRequest, user_text: str) -> list[tuple[str, dict[str, object]]]:
    tools = {t.function.name: t.function.parameters or _NO_ARGUMENTS for t in request.tools or ()}
    match request.tool_choice:
        case NamedToolChoice(function=function):
            return [(function.name, tools[function.name])]
        case "required":
            names = _mentioned_tools(tools, user_text) or list(tools)[:1]
        case "none":
            names = []
        case _:
            has_results = bool(_tool_results(request.messages))
            names = [] if has_results else _mentioned_tools(tools, user_text)
    if request.parallel_tool_calls is False:
        names = names[:1]
    return [(name, tools[name]) for name in names]


def _mentioned_tools(names: Iterable[str], user_text: str) -> list[str]:
    """Return the tools that the text mentions, in the order of mention."""
    text = _normalize(user_text)
    positions = {name: text.find(_normalize(name.removeprefix("get_"))) for name in names}
    return sorted(
        (name for name, position in positions.items() if position >= 0), key=positions.__getitem__
    )


def _normalize(text: str) -> str:
    return f" {' '.join(re.findall(r'[a-z0-9]+', text.lower()))} "


def _tool_results(messages: Sequence[ChatMessage]) -> list[str]:
    """Return the results of tools since the user's last message."""
    since = takewhile(lambda message: not isinstance(message, UserMessage), reversed(messages))
    return [text_of(message) for message in since if isinstance(message, ToolMessage)][::-1]


def _reply_text(
    request: ChatRequest, user: UserMessage | None, recording_texts: Sequence[str], user_text: str
) -> str:
    if user is not None and (translation := _mark_segments(text_of(user))):
        return translation
    results = _tool_results(request.messages)
    sentence = _reply_sentence(results, user, recording_texts)[: _MAX_CHARACTERS + 1]
    output = request.response_format
    if output is not None and output.json_schema is not None:
        filled = fill_schema(output.json_schema.schema_, user_text)
        return json.dumps(filled, ensure_ascii=False)
    if output is not None and output.type == "json_object":
        keys = quoted_phrases(user_text)[:_MAX_KEYS] or ["answer"]
        return json.dumps(dict.fromkeys(keys, sentence), ensure_ascii=False)
    return sentence


def _mark_segments(text: str) -> str | None:
    """Return JSON segments with their language before each text, or None if there are none.

    They stand for a translation, which the sandbox cannot make.
    """
    try:
        data = json.loads(text) if text.startswith("{") else {}
        mark = f"[{data['language']}] "
        segments = [{"id": row["id"], "text": mark + row["text"]} for row in data["segments"]]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return json.dumps({"segments": segments}, ensure_ascii=False)


def _reply_sentence(
    results: Sequence[str], user: UserMessage | None, recording_texts: Sequence[str]
) -> str:
    if results:
        return f"The tool answered: {_quote(results)}."
    if user is None:
        return "There is nothing to answer yet."
    if not recordings_in(user):
        return f"You wrote: {_quote([text_of(user)])}."
    texts = [text for text in recording_texts if text]
    return f"I heard: {_quote(texts)}." if texts else "I heard no words."


def _quote(texts: Sequence[str]) -> str:
    return " and ".join(f'"{text}"' for text in texts)


def _limit(text: str, request: ChatRequest) -> GeneratedReply:
    """Cut the text at the first stop sequence and at the maximum number of tokens."""
    stops = [request.stop] if isinstance(request.stop, str) else request.stop or []
    for stop in filter(None, stops):
        text = text.partition(stop)[0]
    tokens = request.max_completion_tokens or request.max_tokens or tables.MAX_OUTPUT_TOKENS
    limit = min(tokens, tables.MAX_OUTPUT_TOKENS) * CHARACTERS_PER_TOKEN
    if request.speaks:
        limit = min(limit, tables.MAX_INPUT_CHARACTERS)
    return GeneratedReply(text[:limit], (), "stop" if len(text) <= limit else "length")
