"""Stream a chat completion as server-sent events of one word each."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final

from apertis_audio_tools.sandbox.rule_based_chat import GeneratedReply

_WORD: Final = re.compile(r"\S+\s*|\s+")


def stream_events(
    completion: Mapping[str, object], reply: GeneratedReply, *, include_usage: bool
) -> Iterator[str]:
    """Yield the server-sent events of a completion whose reply is not spoken."""
    common = {key: completion[key] for key in ("id", "created", "model")}
    common["object"] = "chat.completion.chunk"
    usage = {"usage": None} if include_usage else {}
    for choice in _choices(reply):
        yield _event({**common, "choices": [choice], **usage})
    if include_usage:
        yield _event({**common, "choices": [], "usage": completion["usage"]})
    yield "data: [DONE]\n\n"


def _event(data: Mapping[str, object]) -> str:
    return f"data: {json.dumps(data)}\n\n"


def _choices(reply: GeneratedReply) -> Iterator[dict[str, object]]:
    for delta in _deltas(reply):
        yield {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}
    yield {"index": 0, "delta": {}, "logprobs": None, "finish_reason": reply.finish_reason}


def _deltas(reply: GeneratedReply) -> Iterator[dict[str, object]]:
    yield {"role": "assistant", "content": None if reply.calls else ""}
    for word in _WORD.findall(reply.text):
        yield {"content": word}
    for index, call in enumerate(reply.calls):
        yield {"tool_calls": [{**call.to_json(""), "index": index}]}
        for word in _WORD.findall(call.arguments_json):
            yield {"tool_calls": [{"index": index, "function": {"arguments": word}}]}
