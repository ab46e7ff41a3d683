"""One function per endpoint: checked arguments become what to send and how to read the answer.

Nothing in here touches the network.
"""

from apertis_audio_tools.calls.call import Call, Streamed, origin
from apertis_audio_tools.calls.chat import Message, chat, chat_stream
from apertis_audio_tools.calls.model_list import model_list
from apertis_audio_tools.calls.speech import SoundBytes, require_sound, speech
from apertis_audio_tools.calls.transcription import transcription

__all__ = [
    "Call",
    "Message",
    "SoundBytes",
    "Streamed",
    "chat",
    "chat_stream",
    "model_list",
    "origin",
    "require_sound",
    "speech",
    "transcription",
]
