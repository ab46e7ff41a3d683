"""Entry point of the command `apertis-audio`."""

import sys


def main() -> None:
    """Run the command, or exit with a message if its extra is missing."""
    try:
        from apertis_audio_tools.cli import (
            app,
            configure_streams,
            exit_on_signals,
            refuse_hidden_options,
        )
    except ModuleNotFoundError as error:
        if error.name not in {"typer", "rich", "click"}:
            raise
        sys.exit('The command needs more packages: pip install "apertis-audio-tools[cli]".')
    configure_streams()
    exit_on_signals()
    refuse_hidden_options(sys.argv[1:])
    app()


if __name__ == "__main__":
    main()
