"""The tools of an agent, declared once: what a model reads of them, what they take, what they do.

The frameworks wrap them in tools of their own.
"""

from apertis_audio_tools.tools.hearing import (
    ASKED_SECONDS,
    AskTool,
    Heard,
    TranscribeTool,
    TranslateTool,
)
from apertis_audio_tools.tools.speaking import SpeakTool
from apertis_audio_tools.tools.tool import AudioTool, Outcome

__all__ = [
    "ASKED_SECONDS",
    "TOOLS",
    "AskTool",
    "AudioTool",
    "Heard",
    "Outcome",
    "SpeakTool",
    "TranscribeTool",
    "TranslateTool",
]

TOOLS: tuple[type[AudioTool], ...] = (TranscribeTool, TranslateTool, SpeakTool, AskTool)
"""All of them, in the order in which programs list them."""
