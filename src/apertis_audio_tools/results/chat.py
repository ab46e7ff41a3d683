"""Replies of chat models, whole and in increments."""

from typing import Any

from pydantic import Field

from apertis_audio_tools.results.values import Usage, Value


class ToolCall(Value):
    """A tool that the model wants to call; `arguments` is JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


class ChatReply(Value):
    """Reply of a chat model.

    Attributes:
        text: The words of the reply; of a spoken reply, the words spoken; else the refusal.
        refusal: The words in which the model refused to answer; None if it did not refuse.
        transcript: The words of the audio; None without audio.
        audio: Encoded bytes; None without audio.
        audio_format: Format of the audio: wav, mp3, flac, opus, aac or pcm16.
        audio_id: Id by which a later request can refer to the audio.
        audio_expires_at: Unix time in seconds until which `audio_id` is valid.
        tool_calls: Tools that the model wants to call.
        finish_reason: Reason why the reply ended: ``stop``, ``length``, ``tool_calls``, ...
        usage: Usage of the request; None if the service reports none.
        model: Model that was used.
        id: Id of the completion.
        logprobs: Log probabilities of the tokens, as the service returns them, if requested;
            None if there are hundreds of thousands.
        request_id: Id of the request, for the support of the service.
        server: ``Server`` header of the response.
    """

    text: str
    refusal: str | None = None
    transcript: str | None = None
    audio: bytes | None = Field(default=None, repr=False)
    audio_format: str | None = None
    audio_id: str | None = None
    audio_expires_at: int | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    usage: Usage | None = None
    model: str = ""
    id: str | None = None
    logprobs: dict[str, Any] | None = Field(default=None, repr=False)
    request_id: str | None = None
    server: str | None = None


class ToolCallDelta(Value):
    """Increment of a tool call; increments with the same `index` belong to one call."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""


class ChatDelta(Value):
    """Increment of a streamed reply; the last ones have the finish reason and the usage.

    The model and the request id are those of the whole reply. `text` that belongs to a refusal is
    also in `refusal`; `logprobs` are those of this increment.
    """

    text: str = ""
    refusal: str = ""
    tool_calls: tuple[ToolCallDelta, ...] = ()
    finish_reason: str | None = None
    usage: Usage | None = None
    model: str = ""
    id: str | None = None
    logprobs: dict[str, Any] | None = Field(default=None, repr=False)
    request_id: str | None = None
