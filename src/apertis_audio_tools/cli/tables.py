"""Tables on standard output."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Column, Table

from apertis_audio_tools.cli.standard_streams import is_terminal_output, print_result
from apertis_audio_tools.cli.terminal import escape_controls


def print_table(columns: Sequence[Column | str], rows: Iterable[tuple[str, ...]]) -> None:
    """Print a table on a terminal, and tab-separated lines elsewhere."""
    if not is_terminal_output():
        print_result("\n".join("\t".join(row) for row in rows))
        return
    table = Table(*columns, box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for row in rows:
        table.add_row(*map(escape_controls, row))
    Console().print(table)
