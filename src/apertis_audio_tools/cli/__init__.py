"""The command `apertis-audio`: recordings to text, text to speech, questions about a clip."""

from apertis_audio_tools.cli.commands import app
from apertis_audio_tools.cli.registered import list_plugins
from apertis_audio_tools.cli.streams import show_any_character

app.command("plugins")(list_plugins)

__all__ = ["app", "show_any_character"]
