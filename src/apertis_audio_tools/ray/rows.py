"""Rows of a data set: the passages of a recording, or its error, in one schema."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from apertis_audio_tools.adapters.documents import DocumentOptions, make_documents
from apertis_audio_tools.api.options import TranscriptionOptions
from apertis_audio_tools.errors import ApertisError
from apertis_audio_tools.results import TotalUsage, Transcript


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A passage of a recording, or the recording's error.

    Attributes:
        source: Absolute path or URL of the recording.
        number: Number of the passage in its recording, from 0.
        id: Id of the passage, as of a document; see `TranscriptDocument`.
        start: Start in seconds.
        end: End in seconds.
        timecode: Start as ``hh:mm:ss``.
        speaker: Label of the speaker, if it is known.
        text: The words; empty in the only row of a recording in which nobody speaks.
        estimated: True if times in the recording are estimated.
        duration: Length of the recording in seconds.
        language: Language as ISO 639-1, if it is known.
        language_reported: Language as the service spells it, if that is another spelling.
        model: Model that was used.
        task: ``transcribe`` or ``translate``.
        digest: SHA-256 of the recording's bytes.
        cost: Dollars that the recording cost in this run, in its first row; None if not known.
        sent_seconds: Seconds of audio that were sent in this run, in its first row.
        error_type: Name of the class of the error.
        error: Message of the error; None if the recording was transcribed.
    """

    source: str
    number: int = 0
    id: str | None = None
    start: float | None = None
    end: float | None = None
    timecode: str | None = None
    speaker: str | None = None
    text: str | None = None
    estimated: bool | None = None
    duration: float | None = None
    language: str | None = None
    language_reported: str | None = None
    model: str | None = None
    task: str | None = None
    digest: str | None = None
    cost: float | None = None
    sent_seconds: float | None = None
    error_type: str | None = None
    error: str | None = None

    def as_dict(self) -> dict[str, object]:
        """Return the values by column."""
        return {name: getattr(self, name) for name in COLUMNS}


_ARROW_TYPES: dict[object, str] = {
    str: "string",
    int: "int32",
    str | None: "string",
    float | None: "double",
    bool | None: "bool",
}
COLUMNS: dict[str, str] = {each.name: _ARROW_TYPES[each.type] for each in fields(Row)}
"""Types of Arrow by column. All columns but `source` and `number` may be null."""


def transcript_rows(
    transcript: Transcript,
    source: str,
    usage: TotalUsage,
    transcription: TranscriptionOptions,
    documents: DocumentOptions,
) -> Iterator[Row]:
    """Yield the rows of a recording: one for each passage, and at least one."""
    facts: dict[str, Any] = {
        "source": source,
        "estimated": any(each.estimated for each in transcript.segments),
        "digest": transcript.digest,
    }
    made = [*make_documents(transcript, transcription, documents, name=source)]
    for number, each in enumerate(made):
        known = {name: value for name, value in each.metadata.items() if name in COLUMNS}
        known |= {} if number else _expenses(usage)
        yield Row(**{**facts, **known, "id": each.id, "number": number, "text": each.text})
    if not made:
        facts |= {name: getattr(transcript, name) for name in ("duration", "model", "task")}
        yield Row(**facts, **_expenses(usage), text="")


def failure_row(source: str, error: ApertisError, usage: TotalUsage) -> Row:
    """Return the only row of a recording that failed."""
    return Row(source=source, **_expenses(usage), error_type=type(error).__name__, error=str(error))


def _expenses(usage: TotalUsage) -> dict[str, Any]:
    return {"cost": usage.known_cost, "sent_seconds": usage.seconds}
