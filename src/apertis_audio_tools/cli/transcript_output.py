"""Transcripts as the command writes them: in which form, and where to."""

import contextlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from unicodedata import normalize

import typer

from apertis_audio_tools.cli.session import Session, notes
from apertis_audio_tools.cli.standard_streams import input_name
from apertis_audio_tools.errors import OutputError
from apertis_audio_tools.files.atomic import AtomicFile
from apertis_audio_tools.pipeline.batch import Outcome
from apertis_audio_tools.results import Transcript


class TranscriptForm(StrEnum):
    """How a transcript is written."""

    passages = "passages"
    text = "text"
    srt = "srt"
    vtt = "vtt"
    json = "json"

    @property
    def suffix(self) -> str:
        """Of files in this form."""
        return (
            ".txt" if self in {TranscriptForm.passages, TranscriptForm.text} else f".{self.value}"
        )

    @property
    def is_subtitles(self) -> bool:
        """Whether it is of one recording only: two, one after the other, are no file."""
        return self in {TranscriptForm.srt, TranscriptForm.vtt}

    @property
    def shows_times(self) -> bool:
        """Whether each line says when it was said."""
        return self is TranscriptForm.passages or self.is_subtitles


_WRITERS: dict[TranscriptForm, Callable[[Transcript], str]] = {
    TranscriptForm.passages: lambda transcript: "\n".join(
        f"[{passage.timecode}] {passage.text}" for passage in transcript.passages()
    ),
    TranscriptForm.text: Transcript.to_text,
    TranscriptForm.srt: Transcript.to_srt,
    TranscriptForm.vtt: Transcript.to_vtt,
    TranscriptForm.json: Transcript.to_json,
}


@dataclass(frozen=True)
class TranscriptOutput:
    """Where transcripts go, one place for each recording, and how they are written."""

    names: list[Path]
    places: list[Path | None]
    form: TranscriptForm
    overwrite: bool

    @classmethod
    def of(
        cls, files: list[Path], folder: Path | None, form: TranscriptForm, *, overwrite: bool
    ) -> "TranscriptOutput":
        """A place for each file's transcript, refused before anything is paid for."""
        names = [input_name(file) for file in files]
        if folder is None:
            if form.is_subtitles and len(files) > 1:
                raise typer.BadParameter(f"{form} is for one recording; for several, add -o DIR.")
            return cls(names, [None] * len(files), form, overwrite)
        places = [folder / f"{name.stem}{form.suffix}" for name in names]
        _require_different(names, places)
        for place in places:
            if place.exists() and not overwrite:
                raise OutputError(f"{place} exists; --overwrite replaces it.")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{folder} cannot be a folder: {error.strerror}.") from error
        return cls(names, [*places], form, overwrite)

    def write(self, index: int, transcript: Transcript) -> None:
        """To the file, or to standard output."""
        text, place = _WRITERS[self.form](transcript), self.places[index]
        if place is None:
            heading = len(self.places) > 1 and self.form.suffix == ".txt"
            typer.echo(f"== {transcript.source}\n{text}" if heading else text)
            return
        with AtomicFile.create(place, overwrite=self.overwrite) as new:
            new.file.write(f"{text}\n".encode())
        notes.print(str(place), style="dim", markup=False)


def _require_different(names: list[Path], places: list[Path]) -> None:
    """On some disks, files are one whose names differ by case, or by how an accent is encoded."""
    seen: dict[str, Path] = {}
    for name, place in zip(names, places, strict=True):
        written = normalize("NFC", place.name).casefold()
        if written in seen:
            raise OutputError(
                f"Two recordings would be written to one file in {place.parent}, "
                f"on some disks at least: {seen[written]} and {name}."
            )
        seen[written] = name


def require_folder(place: Path | None) -> Path | None:
    """Refuse what looks like one transcript's file, and would become a folder."""
    if (
        place
        and not place.is_dir()
        and place.suffix.lower() in {form.suffix for form in TranscriptForm}
    ):
        raise typer.BadParameter(
            f"{place} would be a folder, with a file for each recording; "
            f"for a file, write > {place} instead."
        )
    return place


def write_outcomes(here: Session, outcomes: Generator[Outcome], output: TranscriptOutput) -> None:
    """Write what came of each recording, and tell of those that failed."""
    with contextlib.closing(outcomes), _told_what_is_kept(here):
        for outcome in outcomes:
            if outcome.error:
                here.failed(str(output.names[outcome.index]), outcome.error)
            else:
                here.saw(outcome.transcript.server, outcome.transcript.usage)
                output.write(outcome.index, outcome.transcript)


@contextlib.contextmanager
def _told_what_is_kept(here: Session) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        here.tell_what_is_kept()
        raise
