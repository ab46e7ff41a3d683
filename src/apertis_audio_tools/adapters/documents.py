"""Transcripts as documents for retrieval: text, where it was said, and an id that stays the same.

The frameworks wrap these in documents of their own; what is in them is decided here.
"""

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from apertis_audio_tools.errors import ConfigurationError
from apertis_audio_tools.results import (
    PASSAGE_CHARACTERS,
    PASSAGE_SECONDS,
    Passage,
    Segment,
    Transcript,
)
from apertis_audio_tools.text.subtitles import format_timecode

Granularity = Literal["recording", "passage", "segment"]

_NAMESPACE = uuid.UUID("5f0f6f5e-6f0b-5c57-9b3c-0d9c1d6a8e10")
_VERSION = 1
"""Grows when the same answer would make other documents."""


@dataclass(frozen=True, slots=True)
class TranscriptDocument:
    """A text, and where it is from.

    Attributes:
        id: The same whenever the same recording, from the same source, is asked for in the same
            way; a UUID.
        text: What was said.
        metadata: Flat and fit for JSON, always in the same order: ``source`` (see
            `citation`), ``start`` and ``end`` in seconds, ``timecode``, ``duration`` of the
            recording in seconds, then ``language``, ``model`` and ``task``, as far as they are
            known.
    """

    id: str
    text: str
    metadata: dict[str, str | int | float]


@dataclass(frozen=True, slots=True)
class DocumentOptions:
    """How a transcript is made into documents.

    Attributes:
        granularity: ``recording`` for one document; ``passage`` for whole segments packed to a
            size that retrieval works well with; ``segment`` for each.
        max_seconds: Of a passage.
        max_characters: Of a passage.
        overlap: Seconds by which a passage begins before the one before it ends.

    Raises:
        ConfigurationError: There is no such granularity, or no passage could have such a size.
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

    def of(self, transcript: Transcript) -> tuple[Passage | Segment, ...]:
        """The stretches of a transcript that become documents; none without words."""
        if self.granularity == "passage" or (
            self.granularity == "segment" and not transcript.segments
        ):
            return transcript.passages(
                max_seconds=self.max_seconds,
                max_characters=self.max_characters,
                overlap=self.overlap,
            )
        if self.granularity == "segment":
            return tuple(segment for segment in transcript.segments if segment.text.strip())
        end = transcript.duration or (transcript.segments[-1].end if transcript.segments else 0.0)
        whole = Passage(start=0.0, end=end, text=transcript.text.strip())
        return (whole,) if whole.text else ()


def citation(name: str | None, digest: str) -> str:
    """What citations call a recording: its path or name, or for want of one its content.

    Recordings of different content must not share a name: an index that cleans up what is gone
    from a source would take one for the new version of the other.
    """
    return name or f"sha256:{digest}"


def transcript_documents(
    transcript: Transcript,
    document_options: DocumentOptions,
    *,
    name: str | None,
    asked: Mapping[str, Any],
) -> Iterator[TranscriptDocument]:
    """The documents of a transcript.

    Args:
        transcript: With the ``digest`` of its recording.
        document_options: How it is made into documents.
        name: The path of the recording, or what the caller calls it, if anything.
        asked: The parameters that were asked for, which are part of the ids.
    """
    source = citation(name, transcript.digest)
    common = {
        "duration": transcript.duration,
        "language": transcript.language,
        "model": transcript.model,
        "task": transcript.task,
    }
    known = {name: value for name, value in common.items() if value not in {None, ""}}
    for number, stretch in enumerate(document_options.of(transcript)):
        start, end = round(stretch.start, 3), round(stretch.end, 3)
        identity = [
            _VERSION,
            transcript.digest,
            source,
            dict(asked),
            document_options.granularity,
            number,
            start,
            end,
        ]
        yield TranscriptDocument(
            id=str(uuid.uuid5(_NAMESPACE, json.dumps(identity, sort_keys=True))),
            text=stretch.text.strip(),
            metadata={
                "source": source,
                "start": start,
                "end": end,
                "timecode": format_timecode(start),
                **known,
            },
        )
