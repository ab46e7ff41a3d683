"""The turns of a conversation, in the service's chat schema."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from apertis_audio_tools.results import ChatReply, ToolCall

logger: logging.Logger = logging.getLogger("apertis_audio_tools")

Block = dict[str, Any]
Turn = dict[str, Any]

_EXPIRY_MARGIN_SECONDS = 60.0
"""Audio that is about to expire may be gone when the request arrives."""


@dataclass(frozen=True, slots=True)
class SpokenTurn:
    """Spoken reply of an earlier turn.

    Attributes:
        id: Id of the audio at the service.
        expires_at: Time until which the service keeps the audio, in Unix seconds.
        transcript: The words.
    """

    id: str | None = None
    expires_at: float | None = None
    transcript: str | None = None

    @classmethod
    def from_dict(cls, audio: Mapping[str, Any]) -> Self:
        """Return the spoken reply that `dump_spoken_reply` has written into a message."""
        return cls(audio.get("id"), audio.get("expires_at"), audio.get("transcript"))

    def is_available(self, now: float) -> bool:
        """Return whether the service still has the audio under its id."""
        return self.id is not None and (
            self.expires_at is None or self.expires_at > now + _EXPIRY_MARGIN_SECONDS
        )


def text_block(text: str) -> Block:
    """Return a block of text."""
    return {"type": "text", "text": text}


def instruction_turn(text: str, role: str = "system") -> Turn:
    """Return a turn with instructions of the developer."""
    return {"role": role, "content": text}


def user_turn(content: str | Sequence[Block], name: str | None = None) -> Turn:
    """Return a turn with text and clips of the user; `name` tells several users apart."""
    blocks = content if isinstance(content, str) else list(content) or ""
    return {"role": "user", "content": blocks, **({"name": name} if name else {})}


def assistant_turn(
    text: str, calls: Sequence[ToolCall] = (), spoken: SpokenTurn | None = None, *, now: float
) -> Turn:
    """Return a turn with an earlier reply of the model.

    Audio of the model is never uploaded: the turn refers to it by its id, and once that has
    expired, at `now` in Unix seconds, the words are sent.

    A note is sent if neither the id nor the words are left.
    """
    turn: Turn = {"role": "assistant"}
    if calls:
        turn["tool_calls"] = [dump_tool_call(call) for call in calls]
    if spoken is not None and spoken.is_available(now):
        return {**turn, "audio": {"id": spoken.id}}
    words = text or (spoken.transcript if spoken else None) or ""
    if not words and spoken is not None and not calls:
        words = words_or_note(None, spoken.id or "reply")
        logger.warning("A spoken reply is left out of the conversation: it has no transcript.")
    return {**turn, "content": words} if words or not calls else turn


def tool_turn(text: str, call_id: str) -> Turn:
    """Return a turn with the result of a tool, as text."""
    return {"role": "tool", "tool_call_id": call_id, "content": text}


def words_or_note(words: str | None, name: str) -> str:
    """Return what replaces older audio: its words if they are known, else a note with its name."""
    return words or f"[audio no longer available: {name}]"


def omitted_note(kind: str) -> str:
    """Return the note that replaces content that is not text; `kind` is e.g. ``audio/mpeg``."""
    return f"({kind}, not shown)"


def tool_audio_turn(clips: Sequence[Block]) -> Turn:
    """Return a user turn with the clips of the tools before it, as tool results hold only text."""
    return user_turn([text_block("The tools played this:"), *clips])


def tool_audio_note(kind: str) -> str:
    """Return the note in a tool's result for a clip that `tool_audio_turn` holds."""
    return f"({kind}, played next)"


def dump_tool_call(call: ToolCall) -> dict[str, Any]:
    """Return a tool call of the model in the chat schema."""
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def dump_spoken_reply(reply: ChatReply) -> dict[str, Any]:
    """Return the facts about a spoken reply that a message of a framework keeps for later turns."""
    return asdict(SpokenTurn(reply.audio_id, reply.audio_expires_at, reply.transcript))
