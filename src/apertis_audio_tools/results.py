"""Values that the client returns: transcripts, speech and chat replies.

Times are in seconds from the start of the recording. All values are frozen pydantic models; bytes
are base64 in JSON.
"""

import math
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
    """Tokens and seconds that the service counted, and will bill.

    Attributes:
        input_tokens: Tokens sent, including audio tokens.
        output_tokens: Tokens received, including audio tokens.
        input_audio_tokens: Audio tokens among `input_tokens`.
        output_audio_tokens: Audio tokens among `output_tokens`.
        cached_tokens: Tokens among `input_tokens` that the service had cached.
        reasoning_tokens: Tokens among `output_tokens` that are not part of the reply.
        seconds: Seconds of audio, from models billed by time.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    input_audio_tokens: int = 0
    output_audio_tokens: int = 0
    seconds: float = 0.0


def _is_finite(value: object) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


class Segment(_Value):
    """Text with a start and an end, as the service returns it.

    Attributes:
        id: Number of the segment in its transcript, from 0.
        start: Start in seconds.
        end: End in seconds.
        text: The words, often with a space before them.
        tokens: Token ids of the text; empty if the service returns none.
        temperature: Sampling temperature of the recogniser, from 0 to 1.
        avg_logprob: Mean log probability of the tokens.
        compression_ratio: Length of the text divided by its compressed length.
        no_speech_prob: Probability that the segment has no speech, from 0 to 1.
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
    def _drop_nulls(cls, data: object) -> object:
        """Return the data without nulls, which some gateways send for fields they do not have.

        Infinite statistics are dropped too: they are no reason to lose the words.
        """
        if not isinstance(data, dict):
            return data
        return {
            name: value
            for name, value in data.items()
            if value is not None and (name in {"start", "end"} or _is_finite(value))
        }


class Passage(_Value):
    """Consecutive whole segments, packed to a size that suits retrieval.

    Attributes:
        start: Start of the first segment, in seconds.
        end: End of the last segment, in seconds.
        text: The words of the segments.
    """

    start: float
    end: float
    text: str

    @property
    def timecode(self) -> str:
        """Start as ``hh:mm:ss``, rounded down."""
        return subtitles.format_timecode(self.start)


class Transcript(_Value):
    """Text of a whole recording, with segments on its time line.

    Attributes:
        text: All words.
        segments: Segments in order; empty if the model returns no times.
        language: Language as the service names it, for example ``english``.
        duration: Length of the recording in seconds.
        task: ``transcribe`` or ``translate``.
        model: Model that was used.
        source: Name of the recording.
        digest: SHA-256 of the recording's bytes, in hexadecimal.
        usage: Usage of this call. Pieces from the cache are not counted; None if all pieces are
            from the cache, or if the service reports no usage.
        request_id: Id of the last request, for the support of the service.
        server: ``Server`` header of the last response.
        raw: Body of the response, unchanged.
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
        """Return the segments packed into passages that end with a sentence or a pause if possible.

        A single segment over a limit is a passage of its own. A transcript without segments is one
        passage over the whole recording; one without words has no passages.

        Args:
            max_seconds: Largest length of a passage in seconds, including repeated segments.
                Defaults to 30.
            max_characters: Largest number of characters of a passage, including repeated segments.
                Defaults to 1000.
            overlap: Seconds of the previous passage that a passage repeats at most, in whole
                segments, as far as the limits allow. Defaults to 0.

        Raises:
            UnsupportedError: If `overlap` is negative, or not less than `max_seconds`.
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
        """Return the words alone."""
        return self.text

    def to_timecoded(self, separator: str = "\n") -> str:
        """Return the passages as ``[hh:mm:ss] text``, each in one line, joined by `separator`."""
        return separator.join(
            subtitles.format_line(each.start, each.text) for each in self.passages()
        )

    def to_srt(self) -> str:
        """Return SubRip subtitles, one cue per segment."""
        return subtitles.write_srt(self._cues())

    def to_vtt(self) -> str:
        """Return WebVTT subtitles, one cue per segment."""
        return subtitles.write_vtt(self._cues())

    def to_json(self) -> str:
        """Return everything but the raw body, as indented JSON."""
        return self.model_dump_json(indent=2, exclude={"raw"}, exclude_none=True)

    def _repr_html_(self) -> str:
        """Return HTML for notebooks: the timed passages, in a box that scrolls."""
        length = None if self.duration is None else subtitles.format_timecode(self.duration)
        facts = [fact for fact in (length, self.language, self.model) if fact]
        lines = ((passage.timecode, passage.text) for passage in self.passages())
        return html.transcript_html(self.source, facts, lines)

    def _cues(self) -> list[Cue]:
        timed = self.segments or self.passages()
        return [Cue(each.start, each.end, each.text) for each in timed if each.text.strip()]


class Speech(_Value):
    """Spoken text in memory.

    Attributes:
        audio: Encoded bytes.
        media_type: Media type, for example ``audio/mpeg``.
        format: Format of the bytes: mp3, opus, aac, flac, wav or pcm.
        duration: Length in seconds.
        request_id: Id of the request, for the support of the service.
        server: ``Server`` header of the response.
    """

    audio: bytes = Field(repr=False)
    media_type: str
    format: str
    duration: float
    request_id: str | None = None
    server: str | None = None

    def _repr_html_(self) -> str:
        """Return HTML for notebooks: a player, unless the audio is large or raw PCM."""
        return html.player_html(self.audio, self.media_type, self.format, self.duration)


class SpeechFile(_Value):
    """Spoken text in a file.

    Attributes:
        path: Path of the file.
        media_type: Media type, for example ``audio/mpeg``.
        format: Format of the file: mp3, opus, aac, flac, wav or pcm.
        duration: Length in seconds.
        size: Size of the file in bytes.
        request_id: Id of the request, for the support of the service.
        server: ``Server`` header of the response.
    """

    path: str
    media_type: str
    format: str
    duration: float
    size: int
    request_id: str | None = None
    server: str | None = None


class ToolCall(_Value):
    """A tool that the model wants to call; `arguments` is JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


class ChatReply(_Value):
    """Reply of a chat model.

    Attributes:
        text: The words of the reply; of a spoken reply, the words spoken; else the refusal.
        refusal: The words in which the model refused to answer; None if it did not refuse.
        transcript: The words of the audio; None without audio.
        audio: Encoded bytes; None without audio.
        audio_format: Format of the audio: wav, mp3, flac, opus, aac or pcm16.
        audio_id: Id by which a later request can refer to the audio.
        audio_expires_at: Unix time in seconds until which `audio_id` is valid.
        tool_calls: Tools that the model wants to call.
        finish_reason: Reason why the reply ended: ``stop``, ``length``, ``tool_calls``, ...
        usage: Usage of the request; None if the service reports none.
        model: Model that was used.
        id: Id of the completion.
        logprobs: Log probabilities of the tokens, as the service returns them, if requested;
            None if there are hundreds of thousands.
        request_id: Id of the request, for the support of the service.
        server: ``Server`` header of the response.
    """

    text: str
    refusal: str | None = None
    transcript: str | None = None
    audio: bytes | None = Field(default=None, repr=False)
    audio_format: str | None = None
    audio_id: str | None = None
    audio_expires_at: int | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    usage: Usage | None = None
    model: str = ""
    id: str | None = None
    logprobs: dict[str, Any] | None = Field(default=None, repr=False)
    request_id: str | None = None
    server: str | None = None


class ToolCallDelta(_Value):
    """Increment of a tool call; increments with the same `index` belong to one call."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""


class ChatDelta(_Value):
    """Increment of a streamed reply; the last ones have the finish reason and the usage.

    The model and the request id are those of the whole reply. `text` that belongs to a refusal is
    also in `refusal`; `logprobs` are those of this increment.
    """

    text: str = ""
    refusal: str = ""
    tool_calls: tuple[ToolCallDelta, ...] = ()
    finish_reason: str | None = None
    usage: Usage | None = None
    model: str = ""
    id: str | None = None
    logprobs: dict[str, Any] | None = Field(default=None, repr=False)
    request_id: str | None = None


class PartialTranscript(_Value):
    """Pieces that were transcribed, and paid for, before a transcription failed.

    Attributes:
        transcript: Transcript of the finished pieces.
        spans: Start and end of each finished piece, in seconds.
    """

    transcript: Transcript
    spans: tuple[tuple[float, float], ...]
