"""Conversations in the service's chat schema, for the chat models of both frameworks.

An adapter only reads the messages of its framework and builds replies in the framework's types;
what both need is here. A message in the chat schema is called a turn, to tell it from those.
"""

from apertis_audio_tools.adapters.chat_schema.clips import (
    base64_clip,
    file_clip,
    not_fetched_error,
    source_clip,
    stream_clip,
)
from apertis_audio_tools.adapters.chat_schema.options import (
    REQUEST_FIELDS,
    fill_model_name,
    first_stop,
    merge_chat_options,
    wants_speech,
)
from apertis_audio_tools.adapters.chat_schema.replies import (
    ReplyBuilder,
    ToolChoice,
    media_type,
    parse_arguments,
    resolve_tool_choice,
)
from apertis_audio_tools.adapters.chat_schema.turns import (
    Block,
    SpokenTurn,
    Turn,
    assistant_turn,
    dump_tool_call,
    instruction_turn,
    omitted_note,
    text_block,
    tool_audio_note,
    tool_audio_turn,
    tool_turn,
    user_turn,
)

__all__ = [
    "REQUEST_FIELDS",
    "Block",
    "ReplyBuilder",
    "SpokenTurn",
    "ToolChoice",
    "Turn",
    "assistant_turn",
    "base64_clip",
    "dump_tool_call",
    "file_clip",
    "fill_model_name",
    "first_stop",
    "instruction_turn",
    "media_type",
    "merge_chat_options",
    "not_fetched_error",
    "omitted_note",
    "parse_arguments",
    "resolve_tool_choice",
    "source_clip",
    "stream_clip",
    "text_block",
    "tool_audio_note",
    "tool_audio_turn",
    "tool_turn",
    "user_turn",
    "wants_speech",
]
