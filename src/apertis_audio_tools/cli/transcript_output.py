"""Write transcripts to files or to standard output."""

import contextlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING
from unicodedata import normalize

import typer

from apertis_audio_tools.cli.session import CommandSession, print_note
from apertis_audio_tools.cli.standard_streams import input_name, print_result, require_output
from apertis_audio_tools.cli.terminal import escape_controls
from apertis_audio_tools.errors import OutputError
from apertis_audio_tools.files.atomic import AtomicFile

if TYPE_CHECKING:
    from apertis_audio_tools.pipeline.batch import Outcome
    from apertis_audio_tools.results import Transcript
    from apertis_audio_tools.text.readable_cues import CueLimits


class OutputFormat(StrEnum):
    """The formats in which a transcript can be written."""

    passages = "passages"
    text = "text"
    srt = "srt"
    vtt = "vtt"
    json = "json"

    @property
    def suffix(self) -> str:
        """File name suffix of the format."""
        is_text = self in {OutputFormat.passages, OutputFormat.text}
        return ".txt" if is_text else f".{self.value}"

    @property
    def is_subtitles(self) -> bool:
        """True for subtitles, which cannot be concatenated."""
        return self in {OutputFormat.srt, OutputFormat.vtt}

    @property
    def shows_times(self) -> bool:
        """True if each line has its time."""
        return self is OutputFormat.passages or self.is_subtitles


_FORMATTERS: dict[OutputFormat, Callable[["Transcript"], str]] = {
    OutputFormat.passages: lambda each: each.to_timecoded(),
    OutputFormat.text: lambda each: each.to_text(),
    OutputFormat.srt: lambda each: each.to_srt(),
    OutputFormat.vtt: lambda each: each.to_vtt(),
    OutputFormat.json: lambda each: each.to_json(),
}


@dataclass(frozen=True)
class TranscriptOutput:
    """The format and the destinations of the transcripts of a command.

    Attributes:
        names: Names of the recordings.
        paths: Output file of each recording; None for standard output.
        output_format: Format of the transcripts.
        limits: Limits of subtitles; None for one per segment.
        overwrite: True to replace existing files.
    """

    names: list[Path]
    paths: list[Path | None]
    output_format: OutputFormat
    limits: "CueLimits | None"
    overwrite: bool

    @classmethod
    def create(
        cls,
        files: list[Path],
        folder: Path | None,
        output_format: OutputFormat,
        limits: tuple[int | None, int | None, float | None, float | None],
        *,
        overwrite: bool,
    ) -> "TranscriptOutput":
        """Return the output for files; refuse conflicts before anything is paid for.

        Args:
            files: Recordings.
            folder: Folder for the transcripts; None for standard output.
            output_format: Format of the transcripts.
            limits: Longest line, lines, speed and seconds of subtitles; see `Transcript.cues`.
            overwrite: Whether existing files are replaced.

        Raises:
            OutputError: If a file exists, or two recordings would be written to one file.
        """
        from apertis_audio_tools.results.cues import choose_limits

        cue_limits = choose_limits(*limits)
        if cue_limits and not output_format.is_subtitles:
            raise typer.BadParameter("Limits of subtitles are for --format srt and vtt.")
        names = [input_name(file) for file in files]
        if folder is None:
            if output_format.is_subtitles and len(files) > 1:
                raise typer.BadParameter(
                    f"{output_format} is for one recording; for several, add -o DIR."
                )
            require_output()
            return cls(names, [None] * len(files), output_format, cue_limits, overwrite)
        paths = [folder / f"{name.stem}{output_format.suffix}" for name in names]
        _require_different(names, paths)
        for path in paths:
            require_writable(path, overwrite=overwrite)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{folder} cannot be a folder: {error.strerror}.") from error
        return cls(names, [*paths], output_format, cue_limits, overwrite)

    def write(self, index: int, transcript: "Transcript") -> None:
        """Write the transcript of a recording."""
        text, path = self._format(transcript), self.paths[index]
        if path is None:
            has_heading = len(self.paths) > 1 and self.output_format.suffix == ".txt"
            if shown := f"== {transcript.source}\n{text}".rstrip("\n") if has_heading else text:
                print_result(shown)
            return
        with AtomicFile.create(path, overwrite=self.overwrite) as new:
            new.file.write(f"{text}\n".encode())
        print_note(str(path))

    def _format(self, transcript: "Transcript") -> str:
        """Return a transcript as text; note how many subtitles cannot be read in time."""
        if not self.limits:
            return _FORMATTERS[self.output_format](transcript)
        limits = self.limits._asdict()
        cues = transcript.cues(**limits)
        if hurried := sum(cue.is_hurried for cue in cues):
            print_note(
                f"{transcript.source}: {hurried} of {len(cues)} subtitles are shown for less time "
                "than reading them takes, because the next words follow.",
                style="",
            )
        is_srt = self.output_format is OutputFormat.srt
        return transcript.to_srt(**limits) if is_srt else transcript.to_vtt(**limits)


def require_writable(path: Path, *, overwrite: bool) -> None:
    """Refuse to write to a folder, or to replace a file unasked, before anything is paid for."""
    if path.is_dir():
        raise OutputError(f"{path} is a directory; a file cannot replace it.")
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists; --overwrite replaces it.")


def _require_different(names: list[Path], paths: list[Path]) -> None:
    """Refuse file names that differ only in case or Unicode form, which some disks ignore."""
    seen: dict[str, Path] = {}
    for name, path in zip(names, paths, strict=True):
        canonical = normalize("NFC", path.name).casefold()
        if canonical in seen:
            raise OutputError(
                f"Two recordings would be written to one file in {path.parent}, "
                f"on some disks at least: {seen[canonical]} and {name}."
            )
        seen[canonical] = name


def require_folder(path: Path | None) -> Path | None:
    """Refuse an output folder that looks like the file of one transcript."""
    suffixes = {output_format.suffix for output_format in OutputFormat}
    if path and not path.is_dir() and path.suffix.lower() in suffixes:
        shown = escape_controls(str(path))
        raise typer.BadParameter(
            f"{shown} would be a folder, with a file for each recording; "
            f"for a single file, write > {shown} instead."
        )
    return path


def write_outcomes(
    session: CommandSession, outcomes: "Generator[Outcome]", output: TranscriptOutput
) -> None:
    """Write the transcripts of a batch, and report its failures."""
    with (
        contextlib.closing(outcomes),
        _note_on_interrupt(session),
        session.reporting_exceeded_budget(),
    ):
        for outcome in outcomes:
            if outcome.error:
                session.report_failure(str(output.names[outcome.index]), outcome.error)
            else:
                session.record_response(outcome.transcript.server)
                output.write(outcome.index, outcome.transcript)


@contextlib.contextmanager
def _note_on_interrupt(session: CommandSession) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        session.note_cached_pieces()
        raise
