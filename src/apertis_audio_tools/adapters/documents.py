"""Split transcripts into documents for retrieval: text, times, source, and a stable id."""

import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, get_args

from apertis_audio_tools.api.options import TranscriptionOptions
from apertis_audio_tools.errors import ConfigurationError
from apertis_audio_tools.files.paths import real_path
from apertis_audio_tools.results import (
    PASSAGE_CHARACTERS,
    PASSAGE_SECONDS,
    Passage,
    Segment,
    Transcript,
)
from apertis_audio_tools.text.languages import language_code
from apertis_audio_tools.text.subtitles import format_timecode

Granularity = Literal["recording", "passage", "segment"]

_NAMESPACE = uuid.UUID("5f0f6f5e-6f0b-5c57-9b3c-0d9c1d6a8e10")
_VERSION = 1
"""Part of every id: increased when the same transcript would make other documents."""


@dataclass(frozen=True, slots=True)
class TranscriptDocument:
    """Part of a transcript, with its source and times.

    Attributes:
        id: UUID that is the same whenever the same recording from the same source is loaded with
            the same options, as far as these can change the documents.
        reference_id: UUID that depends on the source, the options and the number of the document,
            but not on the content: a changed recording keeps it.
        text: The words.
        metadata: Flat, JSON-safe facts in a fixed order: ``source`` (see `document_source`),
            ``start`` and ``end`` in seconds, ``timecode``, ``speaker`` if it is known, ``duration``
            of the recording in seconds, then ``language``, ``language_reported``, ``model`` and
            ``task``, as far as they are known (see `language_facts`), and ``track`` if one was
            chosen.
    """

    id: str
    reference_id: str
    text: str
    metadata: dict[str, str | int | float]


@dataclass(frozen=True, slots=True)
class DocumentOptions:
    """Options of splitting a transcript into documents.

    Attributes:
        granularity: ``recording`` for one document; ``passage`` for whole segments packed to a
            size that retrieval works well with; ``segment`` for one document per segment.
        max_seconds: Longest passage, in seconds.
        max_characters: Longest text of a passage.
        overlap: Seconds by which a passage begins before the previous one ends.

    Raises:
        ConfigurationError: If there is no such granularity, or no passage could have such a size.
    """

    granularity: Granularity = "passage"
    max_seconds: float = PASSAGE_SECONDS
    max_characters: int = PASSAGE_CHARACTERS
    overlap: float = 0.0

    def __post_init__(self) -> None:
        if self.granularity not in get_args(Granularity):
            raise ConfigurationError(
                f"granularity is {self.granularity!r}; "
                f"it is one of {', '.join(get_args(Granularity))}."
            )
        if not 0 <= self.overlap < self.max_seconds:
            raise ConfigurationError(
                f"overlap is {self.overlap}; it can be from 0 to less than max_seconds, "
                f"{self.max_seconds}."
            )
        if self.max_characters < 1:
            raise ConfigurationError(
                f"max_characters is {self.max_characters}; it must be a whole number from 1 on."
            )

    def split(self, transcript: Transcript) -> tuple[Passage | Segment, ...]:
        """Return the parts of a transcript that become documents; none if it has no words."""
        if self.granularity == "recording":
            last = transcript.segments[-1].end if transcript.segments else 0.0
            whole = Passage(
                start=0.0, end=transcript.duration or last, text=transcript.to_text().strip()
            )
            return (whole,) if whole.text else ()
        if self.granularity == "segment" and transcript.segments:
            return tuple(segment for segment in transcript.segments if segment.text.strip())
        return self.pack(transcript)

    def pack(self, transcript: Transcript) -> tuple[Passage, ...]:
        """Return the passages of a transcript, whatever the granularity."""
        return transcript.passages(
            max_seconds=self.max_seconds,
            max_characters=self.max_characters,
            overlap=self.overlap,
        )


def path_source(
    path: str | os.PathLike[str],
    root: str | os.PathLike[str] | None,
    folders: dict[str, str] | None = None,
) -> str:
    """Return the ``source`` of a recording in a file, however its path is spelled.

    It is the resolved absolute path, or the POSIX path relative to a `root` folder, so that neither
    another working directory nor, with `root`, a folder that was moved changes it. `folders` are
    those whose real path is known; see `real_path`.

    Raises:
        ConfigurationError: If the file is not below `root`.
    """
    real = real_path(path, folders)
    if root is None:
        return real
    folder = os.path.realpath(root)
    if not Path(real).is_relative_to(folder):
        raise ConfigurationError(f"{real!r:.500} is not below root, {folder!r:.500}.")
    return Path(real).relative_to(folder).as_posix()


def document_source(name: str | None, digest: str) -> str:
    """Return the ``source`` of a recording's documents: its path or name, else its digest.

    Recordings with different content must not share a source: an index that cleans up outdated
    documents by source would replace those of one with those of the other. Bytes of a file name
    that are not UTF-8 are written as escapes, because no database takes such text.
    """
    return (name or f"sha256:{digest}").encode(errors="backslashreplace").decode()


def language_facts(reported: str | None) -> dict[str, str]:
    """Return ``language`` as ISO 639-1, and ``language_reported`` if the service spells it so."""
    if not reported:
        return {}
    code = language_code(reported)
    known = {"language": code} if code else {}
    return known if reported == code else {**known, "language_reported": reported}


def make_documents(
    transcript: Transcript,
    transcription: TranscriptionOptions,
    options: DocumentOptions,
    *,
    name: str | None,
) -> Iterator[TranscriptDocument]:
    """Yield the documents of a transcript; `name` is the recording's path or name, if it has one.

    The ids depend on the recording's digest and source, and on the options.
    """
    source = document_source(name, transcript.digest)
    facts = {
        "duration": transcript.duration,
        **language_facts(transcript.language),
        "model": transcript.model,
        "task": transcript.task,
        "track": None if transcription.track == "default" else transcription.track,
    }
    known = {key: value for key, value in facts.items() if value not in {None, ""}}
    requested = _identify(transcription, options)
    for number, part in enumerate(options.split(transcript)):
        start, end = round(part.start, 3), round(part.end, 3)
        yield TranscriptDocument(
            id=_uuid(transcript.digest, source, *requested, number, start, end),
            reference_id=_uuid(source, *requested, number),
            text=part.text.strip(),
            metadata={
                "source": source,
                "start": start,
                "end": end,
                "timecode": format_timecode(start),
                **({"speaker": part.speaker} if part.speaker else {}),
                **known,
            },
        )


def _uuid(*identity: object) -> str:
    return str(uuid.uuid5(_NAMESPACE, json.dumps([_VERSION, *identity], sort_keys=True)))


def _identify(
    transcription: TranscriptionOptions, options: DocumentOptions
) -> tuple[dict[str, object], dict[str, object]]:
    """Return the options that can change the documents, as JSON that is part of the ids.

    Defaults are left out, so that ids stay the same when a later version adds an option.
    """
    requested = _changed_values(transcription)
    requested.pop("upload_format", None)  # the same recording, only encoded differently
    if options.granularity != "passage":
        return requested, {"granularity": options.granularity}
    return requested, _changed_values(options)


def _changed_values(options: TranscriptionOptions | DocumentOptions) -> dict[str, object]:
    """Return the values that are not defaults; numbers as floats, since JSON tells 1 from 1.0."""
    return {
        each.name: _as_json(value)
        for each in fields(options)
        if (value := getattr(options, each.name)) != each.default
    }


def _as_json(value: object) -> object:
    """Return a value that is the same in every process: a diarizer becomes its name."""
    if callable(value):
        return getattr(value, "__qualname__", type(value).__qualname__)
    return float(value) if isinstance(value, int) else value
