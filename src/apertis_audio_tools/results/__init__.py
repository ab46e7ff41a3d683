"""Values that the client returns: transcripts, speech and chat replies.

Times are in seconds from the start of the recording. All values are frozen pydantic models; bytes
are base64 in JSON.
"""

from apertis_audio_tools.results.chat import ChatDelta, ChatReply, ToolCall, ToolCallDelta
from apertis_audio_tools.results.costs import Balance, TotalUsage
from apertis_audio_tools.results.model_status import ModelStatus
from apertis_audio_tools.results.speech import Speech, SpeechFile
from apertis_audio_tools.results.transcripts import (
    PASSAGE_CHARACTERS,
    PASSAGE_SECONDS,
    PartialTranscript,
    Passage,
    Segment,
    Transcript,
    Word,
)
from apertis_audio_tools.results.values import Cue, Usage

__all__ = [
    "PASSAGE_CHARACTERS",
    "PASSAGE_SECONDS",
    "Balance",
    "ChatDelta",
    "ChatReply",
    "Cue",
    "ModelStatus",
    "PartialTranscript",
    "Passage",
    "Segment",
    "Speech",
    "SpeechFile",
    "ToolCall",
    "ToolCallDelta",
    "TotalUsage",
    "Transcript",
    "Usage",
    "Word",
]
