"""ApertisAudio: every verb of the service in both colours, on one connection pool."""

from apertis_audio_tools.client.audio import ApertisAudio
from apertis_audio_tools.client.chatting import CHAT_MODEL
from apertis_audio_tools.client.speaking import SPEECH_MODEL, VOICE
from apertis_audio_tools.client.transcribing import TRANSCRIPTION_MODEL

__all__ = ["CHAT_MODEL", "SPEECH_MODEL", "TRANSCRIPTION_MODEL", "VOICE", "ApertisAudio"]
