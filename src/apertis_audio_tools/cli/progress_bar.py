"""The progress bar on a terminal."""

import contextlib
from typing import TYPE_CHECKING

from apertis_audio_tools.cli.session import err_console
from apertis_audio_tools.cli.standard_streams import is_terminal_output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from apertis_audio_tools.pipeline.progress import Progress


@contextlib.contextmanager
def recordings_progress(label: str, total: int) -> "Iterator[Callable[[Progress], None]]":
    """Show a temporary progress bar on standard error if it is a terminal."""
    from rich import progress as bars

    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TextColumn("{task.fields[details]}"),
        bars.TimeElapsedColumn(),
    )
    progress_bar = bars.Progress(
        *columns,
        console=err_console,
        transient=True,
        redirect_stdout=is_terminal_output(),  # otherwise results would go to standard error
        disable=not err_console.is_terminal,
    )
    with progress_bar:
        task = progress_bar.add_task(label, total=total, details="")

        def show(progress: "Progress") -> None:
            failed = f", {progress.failed} failed" if progress.failed else ""
            details = f"{progress.seconds / 60:.1f} min of audio{failed}"
            progress_bar.update(task, completed=progress.done, details=details)

        yield show
