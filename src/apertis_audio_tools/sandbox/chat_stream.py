"""A chat answer as server-sent events, a few words at a time."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

_PIECE: Final = re.compile(r"\S+\s*|\s+")


def events(completion: dict[str, Any], *, include_usage: bool) -> Iterator[str]:
    """Cut a completion into the chunks of a stream, as lines of server-sent events."""
    common = {key: completion[key] for key in ("id", "created", "model")}
    common["object"] = "chat.completion.chunk"
    usage: dict[str, Any] = {"usage": None} if include_usage else {}
    for choice in _choices(completion["choices"][0]):
        yield _event({**common, "choices": [choice], **usage})
    if include_usage:
        yield _event({**common, "choices": [], "usage": completion["usage"]})
    yield "data: [DONE]\n\n"


def _event(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data)}\n\n"


def _choices(choice: dict[str, Any]) -> Iterator[dict[str, Any]]:
    message = choice["message"]
    for delta in _deltas(message["content"], message.get("tool_calls", ())):
        yield {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}
    reason = choice["finish_reason"]
    yield {"index": 0, "delta": {}, "logprobs": None, "finish_reason": reason}


def _deltas(content: str | None, calls: Any) -> Iterator[dict[str, Any]]:
    yield {"role": "assistant", "content": None if content is None else ""}
    for piece in _PIECE.findall(content or ""):
        yield {"content": piece}
    for index, call in enumerate(calls):
        function = call["function"]
        yield {"tool_calls": [{**call, "index": index, "function": {**function, "arguments": ""}}]}
        for piece in _PIECE.findall(function["arguments"]):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
