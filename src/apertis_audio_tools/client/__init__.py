"""ApertisAudio: every verb of the service in both colours, on one connection pool."""

from apertis_audio_tools.client.client import ApertisAudio

__all__ = ["ApertisAudio"]
