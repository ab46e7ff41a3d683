"""The command `apertis-audio`: transcribe, translate, speak, and ask about recordings."""

from apertis_audio_tools.cli.commands import app
from apertis_audio_tools.cli.session import refuse_hidden_options
from apertis_audio_tools.cli.standard_streams import configure_streams
from apertis_audio_tools.cli.termination import exit_on_signals

__all__ = ["app", "configure_streams", "exit_on_signals", "refuse_hidden_options"]
