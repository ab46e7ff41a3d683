"""What is asked of a model besides the conversation itself."""

from collections.abc import Mapping
from typing import Any

from apertis_audio_tools.adapters.chat_schema.replies import ToolChoice, is_spoken_reply
from apertis_audio_tools.errors import UnsupportedError
from apertis_audio_tools.results import ChatReply

REQUEST_FIELDS = (
    "model",
    "modalities",
    "voice",
    "audio_format",
    "temperature",
    "top_p",
    "max_tokens",
    "seed",
    "parallel_tool_calls",
)
"""What the models of all frameworks can be set to, and each call can set anew."""

_ABOUT_TOOLS = frozenset({"tools", "tool_choice", "parallel_tool_calls"})
_CALLING_NONE = ("auto", "none")
_ONLY_SPOKEN = frozenset({"modalities", "voice", "audio_format"})
_PER_CALL = frozenset({*REQUEST_FIELDS, "tools", "tool_choice", "response_format", "stop"})


def merge_chat_options(
    own: Mapping[str, Any], given: Mapping[str, Any], *, further: str
) -> dict[str, Any]:
    """What is asked of the service: of this call, else of this model.

    Args:
        own: The settings of the model: those of a request, ``stop`` and `further`.
        given: The arguments of the call.
        further: What both call the further fields of the chat schema.

    Raises:
        UnsupportedError: An argument that the chat verb has not, or a tool has to be called and
            there are none.
    """
    for name in given.keys() - _PER_CALL - {further}:
        raise UnsupportedError(
            f"A chat has no argument {name!r}; further fields of the chat schema go in {further}."
        )
    found = {name: value for name, value in {**own, **given}.items() if name != further}
    found["stop"] = first_stop(given.get("stop"), own.get("stop"))
    found["extra"] = {**(own.get(further) or {}), **(given.get(further) or {})} or None
    if found.get("tools") or (found["extra"] or {}).get("tools"):
        return found
    _require_no_call(found.get("tool_choice"))
    return _without(_ABOUT_TOOLS, found)  # would be refused


def wants_speech(options: Mapping[str, Any]) -> bool:
    """Whether the reply will be spoken, which cannot be streamed."""
    return is_spoken_reply(options["modalities"], options["voice"])


def text_only(options: Mapping[str, Any]) -> dict[str, Any]:
    """The same without what is asked only of a spoken reply."""
    return _without(_ONLY_SPOKEN, options)


def fill_model_name(reply: ChatReply, options: Mapping[str, Any]) -> ChatReply:
    """The reply with the name of a model, which frameworks count tokens by."""
    return reply if reply.model else reply.model_copy(update={"model": options["model"]})


def first_stop(*given: list[str] | str | None) -> list[str] | None:
    """Where a reply ends: the first that was given, and is not empty."""
    stop = next((each for each in given if each), None)
    return [stop] if isinstance(stop, str) else stop


def _require_no_call(choice: ToolChoice) -> None:
    """Refuse a choice that there are no tools for; the others go without saying."""
    if choice and choice not in _CALLING_NONE:
        raise UnsupportedError("A tool has to be called, and there are none.")


def _without(names: frozenset[str], options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in names}
