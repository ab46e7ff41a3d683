"""The tool that lists recordings."""

import asyncio
import contextlib
import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from apertis_audio_tools.adapters.tools.arguments import ListArguments, ToolArguments
from apertis_audio_tools.adapters.tools.tool import AudioTool, ToolPlan, ToolResult
from apertis_audio_tools.errors import AccessError, ApertisError
from apertis_audio_tools.files.access import FileAccess
from apertis_audio_tools.files.discovery import find_recordings
from apertis_audio_tools.files.listing import can_be_passed_on
from apertis_audio_tools.text.subtitles import format_timecode

PAGE_SIZE = 20
"""Number of recordings that are opened, and shown to a model, at once. Opening one in a child
process takes a quarter of a second."""

_Row = tuple[str, float | None]


class ListTool(AudioTool):
    """Lists the recordings in the folders that may be read, with their lengths."""

    name = "list_recordings"
    description = (
        "List the audio and video recordings that the other tools can read, with the length of "
        f"each as hh:mm:ss; {PAGE_SIZE} at a time."
    )
    arguments: ClassVar[type[ToolArguments]] = ListArguments

    @contextlib.contextmanager
    def _plan(self, arguments: Mapping[str, object]) -> Iterator[ToolPlan[tuple[list[_Row], int]]]:
        args = self._validate(ListArguments, arguments)
        if not self._access.inputs:
            raise AccessError("This tool has no folder to read from.")
        list_page = functools.partial(_list_page, self._access, args.start)
        yield ToolPlan(
            list_page,
            functools.partial(asyncio.to_thread, list_page),
            functools.partial(_report_page, args.start),
        )


def _list_page(access: FileAccess, start: int) -> tuple[list[_Row], int]:
    """Return a page of names with lengths in seconds, and the number of all recordings."""
    names = [*recording_names(access)]
    page = names[start : start + PAGE_SIZE]
    return [(name, _seconds(access, name)) for name in page], len(names)


def recording_names(access: FileAccess) -> Iterator[str]:
    """Yield the names of the recordings in the folders that may be read.

    Names that a model cannot pass on, such as those that are not UTF-8, are left out.
    """
    found = (_name(path, access.inputs) for path in find_recordings(access.inputs))
    return filter(can_be_passed_on, found)


def _name(path: Path, folders: Sequence[Path]) -> str:
    """Return the path that a model passes to the other tools: relative, if that is clear."""
    folder = next(each for each in folders if path.is_relative_to(each))
    relative = path.relative_to(folder).as_posix()
    is_clear = sum((each / relative).exists() for each in folders) == 1
    return relative if is_clear else path.as_posix()


def _seconds(access: FileAccess, name: str) -> float | None:
    """Return the length of a recording, or None if it cannot be read."""
    from apertis_audio_tools.audio import probe

    try:
        with (
            access.reading(name) as source,
            probe(source, isolate=access.isolate_probe) as recording,
        ):
            return round(recording.duration, 1)
    except ApertisError:
        return None


def _report_page(start: int, found: tuple[list[_Row], int]) -> ToolResult:
    rows, total = found
    artifact = {
        "recordings": [{"path": name, "duration": seconds} for name, seconds in rows],
        "start": start,
        "total": total,
    }
    lines = [f"{name} ({_length(seconds)})" for name, seconds in rows]
    left = total - start - len(rows)
    if left > 0:
        lines.append(f"[{left} more follow: call again with start={start + len(rows)}.]")
    return ToolResult("\n".join(lines) or "There are no recordings.", artifact)


def _length(seconds: float | None) -> str:
    return "cannot be read" if seconds is None else format_timecode(seconds)
