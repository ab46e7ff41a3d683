"""The tools of an agent, declared once: what a model reads of them, what they take, what they do.

The frameworks wrap them in tools of their own.
"""

from apertis_audio_tools.adapters.tools.recording_tools import (
    MAX_ASK_SECONDS,
    AskTool,
    TranscribeTool,
    TranscriptMemory,
    TranslateTool,
)
from apertis_audio_tools.adapters.tools.speech_tool import SpeakTool
from apertis_audio_tools.adapters.tools.tool import AudioTool, ToolResult

__all__ = [
    "MAX_ASK_SECONDS",
    "TOOLS",
    "AskTool",
    "AudioTool",
    "SpeakTool",
    "ToolResult",
    "TranscribeTool",
    "TranscriptMemory",
    "TranslateTool",
]

TOOLS: tuple[type[AudioTool], ...] = (TranscribeTool, TranslateTool, SpeakTool, AskTool)
"""All of them, in the order in which programs list them."""
