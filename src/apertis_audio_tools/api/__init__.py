"""Requests and responses of each endpoint, as plain functions over values.

One function per endpoint checks its arguments and returns a `Call`. Nothing in here touches the
network.
"""

from apertis_audio_tools.api.call import Call, StreamCall, response_metadata
from apertis_audio_tools.api.chat import ChatMessage, chat_call, chat_stream_call
from apertis_audio_tools.api.model_list import model_list_call
from apertis_audio_tools.api.speech import AudioStreamReader, require_audio, speech_request
from apertis_audio_tools.api.transcription import transcription_call

__all__ = [
    "AudioStreamReader",
    "Call",
    "ChatMessage",
    "StreamCall",
    "chat_call",
    "chat_stream_call",
    "model_list_call",
    "require_audio",
    "response_metadata",
    "speech_request",
    "transcription_call",
]
