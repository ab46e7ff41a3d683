"""Options of a chat request: the settings of a model, and what one call overrides."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel

from apertis_audio_tools.adapters.chat_schema.replies import ToolChoice
from apertis_audio_tools.api.options import ChatOptions
from apertis_audio_tools.errors import UnsupportedError
from apertis_audio_tools.models import AUTO
from apertis_audio_tools.results import ChatReply


class ChatFields(BaseModel):
    """Settings of a chat model, as the fields of a framework's model; see `ChatOptions`.

    Each call can override them.
    """

    model: str = AUTO
    voice: str | None = None
    audio_format: str = "wav"
    modalities: list[Literal["text", "audio"]] | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: list[str] | str | None = None
    seed: int | None = None
    parallel_tool_calls: bool | None = None

    @property
    def _request_settings(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ChatFields.model_fields if name != "stop"}

    def _merge_options(self, overrides: Mapping[str, object], *, further: str) -> ChatOptions:
        """Return the options of a request. See `merge_chat_options`."""
        settings = {**self._request_settings, "stop": self.stop, further: getattr(self, further)}
        return merge_chat_options(settings, overrides, further=further)


_TOOL_FIELDS = frozenset({"tools", "tool_choice", "parallel_tool_calls"})
_OPTIONAL_CALL = ("auto", "none")  # a tuple, because a choice may be an unhashable dict
_LIFTED_FIELDS = frozenset({"audio", "modalities"})
"""Fields of the chat schema that may also stand among the further ones, as in ChatOpenAI."""
_FURTHER_FIELDS = frozenset({"logprobs", "top_logprobs", "stream_options"})
"""Fields of the chat schema that may be arguments of a call, as in ChatOpenAI."""
_CALL_FIELDS = (
    ChatFields.model_fields.keys()
    | {"audio", "tools", "tool_choice", "response_format"}
    | _FURTHER_FIELDS
)


def merge_chat_options(
    settings: Mapping[str, Any], overrides: Mapping[str, Any], *, further: str
) -> ChatOptions:
    """Return the options of a request: arguments of the call, else settings of the model.

    Args:
        settings: Settings of the model: `ChatFields`, and the one called `further`.
        overrides: Arguments of the call.
        further: Name, in both mappings, of the further fields of the chat schema.

    Raises:
        UnsupportedError: If a chat has no such argument, or a required tool does not exist.
    """
    for name in overrides.keys() - _CALL_FIELDS - {further}:
        raise UnsupportedError(
            f"A chat has no argument {name!r}; further fields of the chat schema go in {further}."
        )
    settings, overrides = _expand(settings, further), _expand(overrides, further)
    fields = {name: value for name, value in {**settings, **overrides}.items() if name != further}
    fields["stop"] = first_stop(overrides.get("stop"), settings.get("stop"))
    extra = {**(settings.get(further) or {}), **(overrides.get(further) or {})}
    if not (fields.get("tools") or extra.get("tools")):
        _require_no_call(fields.get("tool_choice"))
        for name in _TOOL_FIELDS:  # the service refuses them when there are no tools
            fields.pop(name, None)
    return ChatOptions(**fields, extra=extra or None)


def _expand(layer: Mapping[str, Any], further: str) -> dict[str, Any]:
    """Return settings or arguments with voice and format in place of ``audio``.

    ``audio``, as in the API reference, and ``modalities`` may also be among the further fields.
    """
    extra = layer.get(further) or {}
    lifted = {name: extra[name] for name in _LIFTED_FIELDS & extra.keys()}
    moved = {name: layer[name] for name in _FURTHER_FIELDS & layer.keys()}
    fields = {name: value for name, value in layer.items() if name not in _FURTHER_FIELDS} | lifted
    rest = {name: value for name, value in {**extra, **moved}.items() if name not in lifted}
    if rest or further in fields:
        fields[further] = rest
    audio = fields.pop("audio", None) or {}
    if not isinstance(audio, Mapping):
        raise UnsupportedError('audio is {"voice": ..., "format": ...}, as in the API reference.')
    for name in audio.keys() - _AUDIO_FIELDS.keys():
        raise UnsupportedError(f"audio has no {name!r:.100}, only voice and format.")
    return fields | {_AUDIO_FIELDS[name]: value for name, value in audio.items()}


_AUDIO_FIELDS = {"voice": "voice", "format": "audio_format"}


def wants_speech(options: ChatOptions) -> bool:
    """Return whether the reply will be spoken; spoken replies cannot be streamed."""
    return "audio" in options.modalities if options.modalities else options.voice is not None


def fill_model_name(reply: ChatReply, options: ChatOptions) -> ChatReply:
    """Return the reply with the model of the request if it names none; frameworks need a name."""
    return reply if reply.model else reply.model_copy(update={"model": options.model})


def first_stop(*candidates: list[str] | str | None) -> list[str] | None:
    """Return the first candidate that is not empty, as a list of stop sequences."""
    stop = next((each for each in candidates if each), None)
    return [stop] if isinstance(stop, str) else stop


def _require_no_call(choice: ToolChoice) -> None:
    """Raise if a tool must be called; without tools, ``auto`` and ``none`` mean the same."""
    if choice and choice not in _OPTIONAL_CALL:
        raise UnsupportedError("A tool has to be called, and there are none.")
