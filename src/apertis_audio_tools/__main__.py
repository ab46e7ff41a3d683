"""Entry point of the command `apertis-audio`."""

import signal
import sys


def main() -> None:
    """Run the command, or exit with a message if its extra is missing."""
    try:
        from apertis_audio_tools.cli import app, configure_streams, refuse_hidden_options
    except ModuleNotFoundError as error:
        if error.name not in {"typer", "rich", "click"}:
            raise
        sys.exit('The command needs more packages: pip install "apertis-audio-tools[cli]".')
    configure_streams()
    _end_on_signals()
    refuse_hidden_options(sys.argv[1:])
    app()


def _end_on_signals() -> None:
    """Let SIGTERM and SIGHUP end the command with its cleanup, so that no draft of a file is left.

    A signal that is ignored, as under nohup, stays ignored.
    """
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _exit)


def _exit(number: int, _: object) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    main()
