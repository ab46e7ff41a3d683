"""The turns of a conversation, in the service's chat schema."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from apertis_audio_tools.errors import UnsupportedError
from apertis_audio_tools.results import ToolCall

Block = dict[str, Any]
Turn = dict[str, Any]

_SECONDS_UNDERWAY = 60.0
"""What is about to expire might, before the service looks."""


@dataclass(frozen=True, slots=True)
class SpokenTurn:
    """What the model said aloud in an earlier turn.

    Attributes:
        id: The service's name for the audio.
        expires_at: Until when it knows the name, in Unix seconds.
        transcript: The words.
    """

    id: str | None = None
    expires_at: float | None = None
    transcript: str | None = None

    def is_available(self, now: float) -> bool:
        """Whether the service still knows the audio by its name."""
        return self.id is not None and (
            self.expires_at is None or self.expires_at > now + _SECONDS_UNDERWAY
        )


def text_block(words: str) -> Block:
    """A block of text."""
    return {"type": "text", "text": words}


def instruction_turn(words: str, role: str = "system") -> Turn:
    """What the developer says, before or between."""
    return {"role": role, "content": words}


def user_turn(content: str | Sequence[Block], name: str | None = None) -> Turn:
    """What the user says and plays; `name` tells several users apart."""
    said = content if isinstance(content, str) else list(content) or ""
    return {"role": "user", "content": said, **({"name": name} if name else {})}


def assistant_turn(
    words: str, calls: Sequence[ToolCall] = (), spoken: SpokenTurn | None = None, *, now: float
) -> Turn:
    """What the model answered before.

    What it said aloud is never sent back: the service knows it by its name, and when that has
    expired, the words are sent.

    Args:
        words: Its text.
        calls: The tools it wanted called.
        spoken: What it said aloud.
        now: The time, in Unix seconds.

    Raises:
        UnsupportedError: It spoke, and neither a name nor the words of it are left.
    """
    turn: Turn = {"role": "assistant"}
    if calls:
        turn["tool_calls"] = [dump_tool_call(call) for call in calls]
    if spoken is not None and spoken.is_available(now):
        return {**turn, "audio": {"id": spoken.id}}
    said = words or (spoken.transcript if spoken else None) or ""
    if not said and spoken is not None and not calls:
        raise UnsupportedError(
            "A spoken answer in the conversation has lost both its id and its transcript."
        )
    return {**turn, "content": said} if said or not calls else turn


def tool_turn(words: str, call_id: str) -> Turn:
    """What a tool answered, as text."""
    return {"role": "tool", "tool_call_id": call_id, "content": words}


def omitted_note(kind: str) -> str:
    """Stands in a text for what a text cannot show, such as ``audio/mpeg``."""
    return f"({kind}, not shown)"


def tool_audio_turn(clips: Sequence[Block]) -> Turn:
    """What tools have played, which their results cannot carry: the user plays it after them."""
    return user_turn([text_block("The tools played this:"), *clips])


def tool_audio_note(kind: str) -> str:
    """Stands in the text of a tool's result for what `played` has, such as ``audio/mpeg``."""
    return f"({kind}, played next)"


def dump_tool_call(call: ToolCall) -> dict[str, Any]:
    """A call the model has made."""
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}
