"""Transcripts, and the segments, words and passages they consist of."""

from itertools import groupby

from pydantic import Field, JsonValue

from apertis_audio_tools.errors import UnsupportedError
from apertis_audio_tools.results.values import Cue, Usage, Value
from apertis_audio_tools.text import html, passages, subtitles

PASSAGE_SECONDS = 30.0
PASSAGE_CHARACTERS = 1000


class Word(Value):
    """A word with a start and an end, as the service returns it.

    Attributes:
        start: Start in seconds.
        end: End in seconds.
        text: The word, often with a space before it.
    """

    start: float
    end: float
    text: str


class Segment(Value):
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
        speaker: Label of the speaker, if speakers are told apart.
        words: Words with times, from services that return them.
        clamped: True if the service's times were missing, or impossible in this recording, and
            were replaced by the nearest possible ones.
        estimated: True if the service gave no times, and they were estimated from the text and the
            pauses in the recording.
        doubtful: Why perhaps nobody said it: ``nobody speaks``, ``the model found no speech``,
            ``repeats itself`` or ``repeats the segment before``. Empty if there is no reason; None
            if that was not examined, see ``quality`` of `ApertisAudio.transcribe`.
        extra: Further small fields of the response.
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
    speaker: str | None = None
    words: tuple[Word, ...] = ()
    clamped: bool = False
    estimated: bool = False
    doubtful: str | None = None
    extra: dict[str, JsonValue] = Field(default_factory=dict)

    def __hash__(self) -> int:
        return hash((self.start, self.end, self.text))


class Passage(Value):
    """Consecutive whole segments, packed to a size that suits retrieval.

    Attributes:
        start: Start of the first segment, in seconds.
        end: Latest end of a segment, in seconds.
        text: The words of the segments.
        speaker: Label of the speaker of all segments, if it is known.
    """

    start: float
    end: float
    text: str
    speaker: str | None = None

    @property
    def labelled_text(self) -> str:
        """The words, after the label of the speaker if it is known."""
        return passages.label_text(self.speaker, self.text)

    @property
    def timecode(self) -> str:
        """Start as ``hh:mm:ss``, rounded down."""
        return subtitles.format_timecode(self.start)


class Transcript(Value):
    """Text of a whole recording, with segments on its time line.

    Attributes:
        text: All words.
        segments: Segments by their start. If the model returns no times, they are sentences whose
            times are estimated.
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
        notes: Sentences about what was noticed on the way: tracks, times that were impossible,
            that nothing was said. Each is logged as a warning too.
        extra: Further small fields of the last response.
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
    notes: tuple[str, ...] = ()
    extra: dict[str, JsonValue] = Field(default_factory=dict)
    raw: str = Field(default="", repr=False)

    def __hash__(self) -> int:
        return hash((self.text, self.segments, self.source, self.digest))

    @property
    def words(self) -> tuple[Word, ...]:
        """The words of all segments by their start, if the service returned their times."""
        words = (word for segment in self.segments for word in segment.words)
        return tuple(sorted(words, key=lambda word: word.start))

    def passages(
        self,
        *,
        max_seconds: float = PASSAGE_SECONDS,
        max_characters: int = PASSAGE_CHARACTERS,
        overlap: float = 0.0,
    ) -> tuple[Passage, ...]:
        """Return the segments packed into passages that end with a sentence or a pause if possible.

        A passage has one speaker, if speakers are told apart. A single segment over a limit is a
        passage of its own. A transcript without segments is one passage over the whole recording;
        one without words has no passages.

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
                end=max(segment.end for segment in group),
                text=passages.join_texts(segment.text for segment in group),
                speaker=speaker,
            )
            for speaker, turn in groupby(spoken, key=lambda segment: segment.speaker)
            for group in passages.pack_segments(turn, max_seconds, max_characters, overlap)
        )

    def to_text(self) -> str:
        """Return the words alone; if speakers are told apart, a line ``Speaker: words`` a turn."""
        if not any(segment.speaker for segment in self.segments):
            return self.text
        spoken = (segment for segment in self.segments if segment.text.strip())
        return "\n".join(
            passages.label_text(speaker, passages.join_texts(segment.text for segment in turn))
            for speaker, turn in groupby(spoken, key=lambda segment: segment.speaker)
        )

    def to_timecoded(self, separator: str = "\n") -> str:
        """Return the passages as ``[hh:mm:ss] text``, each in one line, joined by `separator`.

        If speakers are told apart, the text is ``Speaker: words``.
        """
        return separator.join(
            subtitles.format_line(each.start, each.labelled_text) for each in self.passages()
        )

    def cues(
        self,
        *,
        max_line: int = 42,
        max_lines: int = 2,
        max_cps: float = 17.0,
        min_seconds: float = 1.0,
    ) -> tuple[Cue, ...]:
        """Return subtitles that people can read, and that do not overlap.

        A cue ends with a sentence if possible, else with a clause or a word, and has one speaker.
        It begins with its words, by their times if they have some, else by the letters before them.
        It is shown for as long as they are spoken, and longer if nothing follows, but no more than
        7 s unless reading takes longer. Ideographs, full-width forms and emoji count as two
        characters, combining marks as none; the name of the speaker counts.

        Args:
            max_line: Largest number of characters of a line. Defaults to 42.
            max_lines: Largest number of lines. Defaults to 2.
            max_cps: Largest number of characters per second. Defaults to 17.
            min_seconds: Seconds for which a text is shown, at least. Defaults to 1.

        Raises:
            UnsupportedError: If there is no room for text within the limits.
        """
        from apertis_audio_tools.results.cues import choose_limits, make_cues

        limits = choose_limits(max_line, max_lines, max_cps, min_seconds)
        return make_cues(self._timed(), limits, self.duration)

    def to_srt(
        self,
        *,
        max_line: int | None = None,
        max_lines: int | None = None,
        max_cps: float | None = None,
        min_seconds: float | None = None,
    ) -> str:
        """Return SubRip subtitles; the name of a speaker stands before the text.

        There is one cue per segment, and a speaker's cues do not overlap. With at least one of the
        limits, the cues are those of `cues`, with its defaults for the others.

        Args:
            max_line: Largest number of characters of a line. Defaults to None.
            max_lines: Largest number of lines. Defaults to None.
            max_cps: Largest number of characters per second. Defaults to None.
            min_seconds: Seconds for which a text is shown, at least. Defaults to None.

        Raises:
            UnsupportedError: If there is no room for text within the limits.
        """
        from apertis_audio_tools.results.cues import choose_limits, subtitle_cues

        limits = choose_limits(max_line, max_lines, max_cps, min_seconds)
        cues = subtitle_cues(self._timed(), limits, self.duration, has_short_names=True)
        return subtitles.write_srt(cues)

    def to_vtt(
        self,
        *,
        max_line: int | None = None,
        max_lines: int | None = None,
        max_cps: float | None = None,
        min_seconds: float | None = None,
    ) -> str:
        """Return WebVTT subtitles; the name of a speaker is that of the voice.

        There is one cue per segment, and a speaker's cues do not overlap. With at least one of the
        limits, the cues are those of `cues`, with its defaults for the others.

        Args:
            max_line: Largest number of characters of a line. Defaults to None.
            max_lines: Largest number of lines. Defaults to None.
            max_cps: Largest number of characters per second. Defaults to None.
            min_seconds: Seconds for which a text is shown, at least. Defaults to None.

        Raises:
            UnsupportedError: If there is no room for text within the limits.
        """
        from apertis_audio_tools.results.cues import choose_limits, subtitle_cues

        limits = choose_limits(max_line, max_lines, max_cps, min_seconds)
        cues = subtitle_cues(self._timed(), limits, self.duration)
        return subtitles.write_vtt(cues)

    def to_json(self) -> str:
        """Return everything but the raw body, as indented JSON.

        Fields that no service returned are left out.
        """
        unused = {name for name in ("notes", "extra") if not getattr(self, name)}
        unused_in_segments = {
            name
            for name in ("words", "clamped", "estimated", "extra")
            if not any(getattr(segment, name) for segment in self.segments)
        }
        exclude = dict.fromkeys(("raw", *unused), True)
        return self.model_dump_json(
            indent=2,
            exclude={**exclude, "segments": {"__all__": unused_in_segments}},
            exclude_none=True,
        )

    def _repr_html_(self) -> str:
        """Return HTML for notebooks: the timed passages, in a box that scrolls."""
        length = None if self.duration is None else subtitles.format_timecode(self.duration)
        facts = [fact for fact in (length, self.language, self.model) if fact]
        lines = ((passage.timecode, passage.labelled_text) for passage in self.passages())
        return html.transcript_html(self.source, facts, lines)

    def _timed(self) -> list[Segment]:
        """Return the segments with text, or the whole text as one."""
        timed = self.segments or tuple(
            Segment(start=each.start, end=each.end, text=each.text) for each in self.passages()
        )
        return [each for each in timed if each.text.strip()]


class PartialTranscript(Value):
    """Pieces that were transcribed, and paid for, before a transcription failed.

    Attributes:
        transcript: Transcript of the finished pieces.
        spans: Start and end of each finished piece, in seconds.
    """

    transcript: Transcript
    spans: tuple[tuple[float, float], ...]
