"""Transcripts as the command writes them: in which form, and where to."""

import contextlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import typer

from apertis_audio_tools.cli.session import Session, notes
from apertis_audio_tools.errors import OutputError
from apertis_audio_tools.many import Outcome
from apertis_audio_tools.results import Transcript
from apertis_audio_tools.writing import NewFile


class Form(StrEnum):
    """How a transcript is written."""

    passages = "passages"
    text = "text"
    srt = "srt"
    vtt = "vtt"
    json = "json"


_WRITERS: dict[Form, Callable[[Transcript], str]] = {
    Form.passages: lambda transcript: "\n".join(
        f"[{passage.timecode}] {passage.text}" for passage in transcript.passages()
    ),
    Form.text: Transcript.to_text,
    Form.srt: Transcript.to_srt,
    Form.vtt: Transcript.to_vtt,
    Form.json: Transcript.to_json,
}
_SUFFIXES = {Form.passages: ".txt", Form.text: ".txt"}


@dataclass(frozen=True)
class Output:
    """Where transcripts go, one place for each file, and how they are written."""

    places: list[Path | None]
    form: Form
    overwrite: bool

    @classmethod
    def of(cls, files: list[Path], folder: Path | None, form: Form, *, overwrite: bool) -> "Output":
        """A place for each file's transcript, refused before anything is paid for."""
        if folder is None:
            return cls([None] * len(files), form, overwrite)
        suffix = _SUFFIXES.get(form, f".{form.value}")
        places = [folder / f"{file.stem}{suffix}" for file in files]
        if len(set(places)) < len(places):
            raise OutputError(f"Two recordings would be written to one file in {folder}.")
        for place in places:
            if place.exists() and not overwrite:
                raise OutputError(f"{place} exists; --overwrite replaces it.")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{folder} cannot be a folder: {error.strerror}.") from error
        return cls([*places], form, overwrite)

    def write(self, index: int, transcript: Transcript) -> None:
        """To the file, or to standard output."""
        text, place = _WRITERS[self.form](transcript), self.places[index]
        if place is None:
            heading = len(self.places) > 1 and self.form in _SUFFIXES
            typer.echo(f"== {transcript.source}\n{text}" if heading else text)
            return
        with NewFile.create(place, overwrite=self.overwrite) as new:
            new.file.write(f"{text}\n".encode())
        notes.print(str(place), style="dim", markup=False)


def write_each(here: Session, outcomes: Generator[Outcome], output: Output) -> None:
    """Write what came of each recording, and tell of those that failed."""
    with contextlib.closing(outcomes), _told_what_is_kept(here):
        for outcome in outcomes:
            if outcome.error:
                here.failed(str(outcome.source), outcome.error)
            else:
                here.saw(outcome.transcript.server)
                output.write(outcome.index, outcome.transcript)


@contextlib.contextmanager
def _told_what_is_kept(here: Session) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        here.tell_what_is_kept()
        raise
