"""The command `apertis-audio`; without its extra, it says how to install it."""

import sys


def main() -> None:
    """Run the command line."""
    try:
        from apertis_audio_tools.cli import app, configure_streams
    except ModuleNotFoundError as error:
        if error.name not in {"typer", "rich", "click"}:
            raise
        sys.exit('The command needs more packages: pip install "apertis-audio-tools[cli]".')
    configure_streams()
    app()


if __name__ == "__main__":
    main()
