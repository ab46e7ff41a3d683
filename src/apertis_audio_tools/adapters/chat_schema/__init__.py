"""Conversations between a framework's messages and the service's chat schema.

What is said here is said once for all frameworks; a rim only takes its own messages apart and puts
replies back together.
"""

from apertis_audio_tools.adapters.chat_schema.clips import (
    base64_clip,
    file_clip,
    not_fetched_error,
    stream_clip,
    trusted_file_clip,
)
from apertis_audio_tools.adapters.chat_schema.options import (
    REQUEST_FIELDS,
    fill_model_name,
    first_stop,
    merge_chat_options,
    text_only,
    wants_speech,
)
from apertis_audio_tools.adapters.chat_schema.replies import (
    ReplyBuilder,
    ToolChoice,
    is_spoken_reply,
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
    "is_spoken_reply",
    "media_type",
    "merge_chat_options",
    "not_fetched_error",
    "omitted_note",
    "parse_arguments",
    "resolve_tool_choice",
    "stream_clip",
    "text_block",
    "text_only",
    "tool_audio_note",
    "tool_audio_turn",
    "tool_turn",
    "trusted_file_clip",
    "user_turn",
    "wants_speech",
]
