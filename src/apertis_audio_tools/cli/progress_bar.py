"""How far the work has come, for whoever sits at a terminal."""

import contextlib
import sys
from collections.abc import Callable, Iterator

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from apertis_audio_tools.cli.session import notes
from apertis_audio_tools.pipeline.progress import Progress


@contextlib.contextmanager
def recordings_progress(what: str, total: int) -> Iterator[Callable[[Progress], None]]:
    """A bar below everything else on standard error, gone in the end; on a pipe, nothing."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[sound]}"),
        TimeElapsedColumn(),
    )
    bars = Bars(
        *columns,
        console=notes,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),  # else results would go the way of the bar
        disable=not notes.is_terminal,
    )
    with bars:
        bar = bars.add_task(what, total=total, sound="")

        def show(progress: Progress) -> None:
            sound = f"{progress.seconds / 60:.1f} min of sound"
            failed = f", {progress.failed} failed" if progress.failed else ""
            bars.update(bar, completed=progress.done, sound=f"{sound}{failed}")

        yield show
