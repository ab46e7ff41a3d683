"""The tools of an agent, declared once: their descriptions, arguments and actions.

The adapters wrap them in the tool types of their frameworks.
"""

from apertis_audio_tools.adapters.tools.list_tool import ListTool
from apertis_audio_tools.adapters.tools.progress import ReportProgress, ToolProgress
from apertis_audio_tools.adapters.tools.recording_tools import (
    AskTool,
    TranscribeTool,
    TranscriptMemory,
    TranslateTool,
)
from apertis_audio_tools.adapters.tools.speech_tool import SpeakTool
from apertis_audio_tools.adapters.tools.tool import AudioTool, ToolResult

__all__ = [
    "TOOLS",
    "AskTool",
    "AudioTool",
    "ListTool",
    "ReportProgress",
    "SpeakTool",
    "ToolProgress",
    "ToolResult",
    "TranscribeTool",
    "TranscriptMemory",
    "TranslateTool",
]

TOOLS: tuple[type[AudioTool], ...] = (
    TranscribeTool,
    TranslateTool,
    SpeakTool,
    AskTool,
    ListTool,
)
"""All tools, in the order in which programs list them."""
