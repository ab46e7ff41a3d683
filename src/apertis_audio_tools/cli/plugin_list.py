"""The command that lists what other programs find of this package."""

import sys

import typer
from rich.console import Console
from rich.table import Table

from apertis_audio_tools.adapters.entry_points import list_registrations


def list_plugins() -> None:
    """List what this package registers with other programs, and which of them are installed."""
    rows = [
        (each.group, each.name, each.host.name, _state(each.host.is_installed))
        for each in list_registrations()
    ]
    if not sys.stdout.isatty():
        typer.echo("\n".join("\t".join(row) for row in rows))
        return
    table = Table("entry point group", "name", "for", "there", box=None, padding=(0, 1, 0, 0))
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def _state(is_installed: bool) -> str:  # noqa: FBT001  # the whole question
    return "yes" if is_installed else "no"
