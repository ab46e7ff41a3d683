"""The command `apertis-audio`: recordings to text, text to speech, questions about a clip."""

from apertis_audio_tools.cli.commands import app

__all__ = ["app"]
