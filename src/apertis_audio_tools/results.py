"""What the verbs answer: frozen values, and the forms a transcript can take."""

import json
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from apertis_audio_tools.errors import UnsupportedError
from apertis_audio_tools.text import html, passages, subtitles
from apertis_audio_tools.text.subtitles import Cue

PASSAGE_SECONDS = 30.0
PASSAGE_CHARACTERS = 1000


class _Value(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, allow_inf_nan=False, ser_json_bytes="base64", val_json_bytes="base64"
    )


class Usage(_Value):
    """What the service counted of what a call sent, and will bill.

    Attributes:
        input_tokens: Tokens sent, audio included.
        output_tokens: Tokens answered, audio included.
        input_audio_tokens: The part of `input_tokens` that was audio.
        output_audio_tokens: The part of `output_tokens` that was audio.
        seconds: Seconds of audio, from models billed by time.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    input_audio_tokens: int = 0
    output_audio_tokens: int = 0
    seconds: float = 0.0


class Segment(_Value):
    """A stretch of speech and when it was said: `start` and `end` in seconds.

    The remaining fields are the recogniser's own, where the service gives them.
    """

    id: int = 0
    start: float
    end: float
    text: str
    tokens: tuple[int, ...] = ()
    temperature: float | None = None
    avg_logprob: float | None = None
    compression_ratio: float | None = None
    no_speech_prob: float | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, data: object) -> object:
        """What a gateway sets to null is as good as not there."""
        if not isinstance(data, dict):
            return data
        return {name: value for name, value in data.items() if value is not None}


class Passage(_Value):
    """Whole segments that belong together: the size retrieval works well with.

    Attributes:
        start: Seconds from the beginning of the recording.
        end: Seconds, likewise.
        text: The words.
    """

    start: float
    end: float
    text: str

    @property
    def timecode(self) -> str:
        """The start as ``hh:mm:ss``."""
        return subtitles.format_timecode(self.start)


class Transcript(_Value):
    """What was said in a recording, and when.

    Attributes:
        text: All of it.
        segments: With times in seconds; empty when the model gives none.
        language: As the service names it.
        duration: Seconds of the recording.
        task: ``transcribe`` or ``translate``.
        model: Which model answered.
        source: What the caller's recording is called.
        digest: The SHA-256 of the recording's bytes, in hexadecimal.
        usage: What was counted of what this call sent. What was kept from an earlier call is not
            in it; it is None when all was, or when the service does not say.
        request_id: The service's name for the exchange.
        server: Who answered, in its own words.
        raw: The body of the answer, as it came.
    """

    text: str
    segments: tuple[Segment, ...] = ()
    language: str | None = None
    duration: float | None = None
    task: str = "transcribe"
    model: str = ""
    source: str = ""
    digest: str = ""
    usage: Usage | None = None
    request_id: str | None = None
    server: str | None = None
    raw: str = Field(default="", repr=False)

    def passages(
        self,
        *,
        max_seconds: float = PASSAGE_SECONDS,
        max_characters: int = PASSAGE_CHARACTERS,
        overlap: float = 0.0,
    ) -> tuple[Passage, ...]:
        """Whole segments packed up to a size, preferably ending with a sentence or a pause.

        A single segment over the size stays whole. A transcript without segments is one passage
        over the whole recording; one without words has none.

        Args:
            max_seconds: From the start of a passage to its end, what it repeats included.
            max_characters: Of its text, likewise.
            overlap: By up to how many seconds a passage begins before the end of the one before,
                with whole segments of that one, where the size leaves room for them.

        Raises:
            UnsupportedError: `overlap` is negative, or not less than `max_seconds`.
        """
        if overlap and not 0 < overlap < max_seconds:
            raise UnsupportedError(
                f"overlap is {overlap}; it can be from 0 to less than max_seconds, {max_seconds}."
            )
        if not self.segments:
            whole = Passage(start=0.0, end=self.duration or 0.0, text=self.text.strip())
            return (whole,) if whole.text else ()
        spoken = (segment for segment in self.segments if segment.text.strip())
        return tuple(
            Passage(
                start=group[0].start,
                end=group[-1].end,
                text=passages.join_texts(segment.text for segment in group),
            )
            for group in passages.pack_segments(spoken, max_seconds, max_characters, overlap)
        )

    def to_text(self) -> str:
        """The words alone."""
        return self.text

    def to_timecoded(self, separator: str = "\n") -> str:
        """Return the passages as ``[hh:mm:ss] text``, joined by `separator`."""
        return separator.join(f"[{each.timecode}] {each.text}" for each in self.passages())

    def to_srt(self) -> str:
        """SubRip subtitles, one cue a segment."""
        return subtitles.write_srt(self._cues())

    def to_vtt(self) -> str:
        """WebVTT subtitles, one cue a segment."""
        return subtitles.write_vtt(self._cues())

    def to_json(self) -> str:
        """Everything but the raw body, as indented JSON."""
        data: dict[str, Any] = self.model_dump(mode="json", exclude={"raw"}, exclude_none=True)
        return json.dumps(data, ensure_ascii=False, indent=2)

    def _repr_html_(self) -> str:
        """How notebooks show it: what was said, with times, in a box that scrolls."""
        length = None if self.duration is None else subtitles.format_timecode(self.duration)
        facts = [fact for fact in (length, self.language, self.model) if fact]
        lines = ((passage.timecode, passage.text) for passage in self.passages())
        return html.transcript_html(self.source, facts, lines)

    def _cues(self) -> list[Cue]:
        timed = self.segments or self.passages()
        return [Cue(each.start, each.end, each.text) for each in timed if each.text.strip()]


class Speech(_Value):
    """Spoken text.

    Attributes:
        audio: The encoded bytes.
        media_type: Such as ``audio/mpeg``.
        format: What the bytes are: mp3, opus, aac, flac, wav or pcm.
        duration: Seconds.
        request_id: The service's name for the exchange.
        server: Who answered, in its own words.
    """

    audio: bytes = Field(repr=False)
    media_type: str
    format: str
    duration: float
    request_id: str | None = None
    server: str | None = None

    def _repr_html_(self) -> str:
        """How notebooks show it: a player, unless it is large or raw PCM."""
        return html.player_html(self.audio, self.media_type, self.format, self.duration)


class SpeechFile(_Value):
    """Spoken text that was written to a file; `duration` in seconds, `size` in bytes."""

    path: str
    media_type: str
    format: str
    duration: float
    size: int
    request_id: str | None = None
    server: str | None = None


class ToolCall(_Value):
    """A tool the model wants called; `arguments` is its JSON text, as the model wrote it."""

    id: str
    name: str
    arguments: str


class ChatReply(_Value):
    """What a chat model answered.

    Attributes:
        text: What it said in words; of a spoken reply, the words spoken.
        transcript: The words of the audio, when there is audio.
        audio: The encoded bytes, when there is audio.
        audio_format: What they are: wav, mp3, ...
        audio_id: The name under which a later request may refer to this audio.
        audio_expires_at: Until when, in Unix seconds.
        tool_calls: The tools it wants called.
        finish_reason: ``stop``, ``length``, ``tool_calls``, ...
        usage: What was counted.
        model: Which model answered.
        request_id: The service's name for the exchange.
        server: Who answered, in its own words.
    """

    text: str
    transcript: str | None = None
    audio: bytes | None = Field(default=None, repr=False)
    audio_format: str | None = None
    audio_id: str | None = None
    audio_expires_at: int | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    usage: Usage | None = None
    model: str = ""
    request_id: str | None = None
    server: str | None = None


class ToolCallDelta(_Value):
    """A piece of a tool call: the pieces of one `index` belong together."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""


class ChatDelta(_Value):
    """A piece of a streamed reply; the last ones carry the finish reason and the usage.

    The model and the request id are those of the whole reply.
    """

    text: str = ""
    tool_calls: tuple[ToolCallDelta, ...] = ()
    finish_reason: str | None = None
    usage: Usage | None = None
    model: str = ""
    request_id: str | None = None


class PartialTranscript(BaseModel):
    """What was finished, and so paid for, before a transcription failed.

    Attributes:
        transcript: Of the finished pieces only.
        spans: Where those begin and end, in seconds of the recording.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True)

    transcript: Transcript
    spans: tuple[tuple[float, float], ...]
