"""Conversations between a framework's messages and the service's chat schema.

What is said here is said once for all frameworks; a rim only takes its own messages apart and puts
replies back together.
"""

from apertis_audio_tools.conversations.clips import (
    audio_in_base64,
    audio_in_file,
    audio_in_stream,
    audio_of_the_program,
    not_fetched,
)
from apertis_audio_tools.conversations.options import (
    OF_A_REQUEST,
    are_spoken,
    named,
    options,
    stops,
    written,
)
from apertis_audio_tools.conversations.replies import (
    Choice,
    ReplySoFar,
    arguments,
    media_type,
    speaks,
    tool_choice,
)
from apertis_audio_tools.conversations.turns import (
    Block,
    Spoken,
    Turn,
    assistant,
    instruction,
    not_shown,
    played,
    played_next,
    text,
    tool_call,
    tool_result,
    user,
)

__all__ = [
    "OF_A_REQUEST",
    "Block",
    "Choice",
    "ReplySoFar",
    "Spoken",
    "Turn",
    "are_spoken",
    "arguments",
    "assistant",
    "audio_in_base64",
    "audio_in_file",
    "audio_in_stream",
    "audio_of_the_program",
    "instruction",
    "media_type",
    "named",
    "not_fetched",
    "not_shown",
    "options",
    "played",
    "played_next",
    "speaks",
    "stops",
    "text",
    "tool_call",
    "tool_choice",
    "tool_result",
    "user",
    "written",
]
