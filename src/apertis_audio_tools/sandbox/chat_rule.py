"""The simple rule by which the sandbox answers a chat; docs/sandbox.md states it for users."""

import json
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Final

from apertis_audio_tools.sandbox.chat_messages import (
    ChatRequest,
    Message,
    NamedChoice,
    ToolMessage,
    UserMessage,
    clips_of,
    text_of,
)
from apertis_audio_tools.sandbox.schema_filling import filled, quoted

CHARACTERS_PER_TOKEN: Final = 4


@dataclass(frozen=True)
class Call:
    """One tool call: its id, the tool's name, and the arguments."""

    id: str
    name: str
    arguments: Any


@dataclass(frozen=True)
class Reply:
    """What is answered: a text, or calls; and why it ends there."""

    text: str
    calls: Sequence[Call]
    finish_reason: str


def last_user(asked: ChatRequest) -> UserMessage | None:
    """The user's last turn."""
    return next((m for m in reversed(asked.messages) if isinstance(m, UserMessage)), None)


def reply(asked: ChatRequest, heard: Sequence[str]) -> Reply:
    """Answer a conversation.

    Args:
        asked: The request.
        heard: What recognition heard in each recording of the user's last turn.

    Raises:
        Refusal: 400 invalid_parameter when a tool's schema cannot be followed.
    """
    user = last_user(asked)
    words = " ".join([text_of(user), *heard] if user is not None else heard)
    if calls := _calls(asked, words):
        return Reply("", calls, "tool_calls")
    return _limited(_content(asked, user, heard, words), asked)


def _calls(asked: ChatRequest, words: str) -> list[Call]:
    return [
        Call(f"call_{secrets.token_hex(12)}", name, filled(schema, words))
        for name, schema in _chosen_tools(asked, words)
    ]


def _chosen_tools(asked: ChatRequest, words: str) -> list[tuple[str, dict[str, Any]]]:
    tools = {t.function.name: t.function.parameters or _NO_ARGUMENTS for t in asked.tools or ()}
    match asked.tool_choice:
        case NamedChoice(function=function):
            return [(function.name, tools[function.name])]
        case "required":
            names = _named(tools, words) or list(tools)[:1]
        case "none":
            names = []
        case _:
            names = [] if _results(asked.messages) else _named(tools, words)
    if asked.parallel_tool_calls is False:
        names = names[:1]
    return [(name, tools[name]) for name in names]


_NO_ARGUMENTS: Final[dict[str, Any]] = {"type": "object", "properties": {}}


def _named(names: Iterable[str], words: str) -> list[str]:
    """The tools that the words mention, in the order of mention."""
    spoken = _plain(words)
    places = {name: spoken.find(_plain(name.removeprefix("get_"))) for name in names}
    return sorted((name for name in names if places[name] >= 0), key=places.__getitem__)


def _plain(words: str) -> str:
    return f" {' '.join(re.findall(r'[a-z0-9]+', words.lower()))} "


def _results(messages: Sequence[Message]) -> list[str]:
    """What tools answered since the user's last turn."""
    since = takewhile(lambda message: not isinstance(message, UserMessage), reversed(messages))
    return [text_of(message) for message in since if isinstance(message, ToolMessage)][::-1]


def _content(asked: ChatRequest, user: UserMessage | None, heard: Sequence[str], words: str) -> str:
    sentence = _sentence(_results(asked.messages), user, heard)
    shape = asked.response_format
    if shape is not None and shape.json_schema is not None:
        return json.dumps(filled(shape.json_schema.schema_, words), ensure_ascii=False)
    if shape is not None and shape.type == "json_object":
        return json.dumps(dict.fromkeys(quoted(words) or ["answer"], sentence), ensure_ascii=False)
    return sentence


def _sentence(results: Sequence[str], user: UserMessage | None, heard: Sequence[str]) -> str:
    if results:
        return f"The tool answered: {_quoted(results)}."
    if user is None:
        return "There is nothing to answer yet."
    if not clips_of(user):
        return f"You wrote: {_quoted([text_of(user)])}."
    spoken = [words for words in heard if words]
    return f"I heard: {_quoted(spoken)}." if spoken else "I heard no words."


def _quoted(texts: Sequence[str]) -> str:
    return " and ".join(f'"{text}"' for text in texts)


def _limited(text: str, asked: ChatRequest) -> Reply:
    """Cut at the first stop sequence, and at the most tokens allowed."""
    stops = [asked.stop] if isinstance(asked.stop, str) else asked.stop or []
    for stop in filter(None, stops):
        text = text.partition(stop)[0]
    tokens = asked.max_completion_tokens or asked.max_tokens
    if tokens is None or len(text) <= tokens * CHARACTERS_PER_TOKEN:
        return Reply(text, (), "stop")
    return Reply(text[: tokens * CHARACTERS_PER_TOKEN], (), "length")
