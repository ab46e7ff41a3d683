"""ApertisAudio: the sync and async verbs of the service on one connection pool."""

from apertis_audio_tools.client.client import ApertisAudio

__all__ = ["ApertisAudio"]
