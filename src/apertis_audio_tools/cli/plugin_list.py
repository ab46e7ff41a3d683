"""The command that lists the entry points of this package."""

import sys

import typer
from rich.console import Console
from rich.table import Table

from apertis_audio_tools.adapters.entry_points import registrations


def list_plugins() -> None:
    """List the entry points for other programs, and whether each program is installed."""
    rows = [
        (each.group, each.name, each.reader.name, "yes" if each.reader.is_installed else "no")
        for each in registrations()
    ]
    if not sys.stdout.isatty():
        typer.echo("\n".join("\t".join(row) for row in rows))
        return
    headings = ("entry point group", "name", "program", "installed")
    table = Table(*headings, box=None, padding=(0, 1, 0, 0))
    for row in rows:
        table.add_row(*row)
    Console().print(table)
