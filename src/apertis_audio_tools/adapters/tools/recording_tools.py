"""The tools that read recordings, and the one that asks about them."""

import contextlib
import functools
import os
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Self

from apertis_audio_tools.adapters.chat_schema.clips import source_clip
from apertis_audio_tools.adapters.chat_schema.turns import text_block, user_turn
from apertis_audio_tools.adapters.documents import language_facts
from apertis_audio_tools.adapters.tools.arguments import (
    AskArguments,
    ReadingArguments,
    ToolArguments,
    TranscribeArguments,
    TranslateArguments,
)
from apertis_audio_tools.adapters.tools.progress import ReportedTranscription, ReportProgress
from apertis_audio_tools.adapters.tools.tool import (
    AudioTool,
    ToolPlan,
    ToolResult,
    system_errors,
    usage_json,
)
from apertis_audio_tools.api.options import ChatOptions, TranscriptionOptions
from apertis_audio_tools.client import ApertisAudio
from apertis_audio_tools.concurrency import fork_safety
from apertis_audio_tools.errors import ConfigurationError, UnsupportedError
from apertis_audio_tools.files.access import FileAccess
from apertis_audio_tools.models import AUTO, MAX_ASK_SECONDS, Task
from apertis_audio_tools.pipeline.accounts import Account
from apertis_audio_tools.results import ChatReply, Passage, Segment, Transcript
from apertis_audio_tools.text.subtitles import format_line

if TYPE_CHECKING:
    from apertis_audio_tools.audio import Recording

MAX_SHOWN_CHARACTERS = 20_000
"""Longest text a model reads at once: about 5,000 tokens, or twenty minutes of speech."""


class TranscriptMemory:
    """The last transcripts of a tool, so that reading on costs nothing.

    Copies of the tool share it; in another process it is empty.
    """

    _MAX_TRANSCRIPTS = 8

    def __init__(self) -> None:
        self._transcripts: OrderedDict[Hashable, Transcript] = OrderedDict()
        self._lock = fork_safety.ForkSafeLock()

    def get(self, key: Hashable) -> Transcript | None:
        """Return the transcript stored under `key`, if there is one."""
        with self._lock:
            return self._transcripts.get(key)

    def put(self, key: Hashable, transcript: Transcript) -> None:
        """Store a transcript, and drop the oldest ones."""
        with self._lock:
            self._transcripts[key] = transcript
            self._transcripts.move_to_end(key)
            while len(self._transcripts) > self._MAX_TRANSCRIPTS:
                self._transcripts.popitem(last=False)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[type[Self], tuple[()]]:
        return type(self), ()


class _TranscriptTool(AudioTool):
    """Reads recordings. A long transcript is read in several calls, and paid for once."""

    arguments: ClassVar[type[ReadingArguments]]
    _task: ClassVar[Task]

    def __init__(
        self,
        client: ApertisAudio,
        access: FileAccess,
        *,
        options: TranscriptionOptions | None = None,
        memory: TranscriptMemory | None = None,
        segments: bool = False,
        report: ReportProgress = lambda _: None,
    ) -> None:
        super().__init__(client, access)
        self._options = replace(options or TranscriptionOptions(), task=self._task)
        self._options.require_valid()
        self._memory = TranscriptMemory() if memory is None else memory
        self._segments = segments
        self._report = report

    def find_transcript(self, /, **arguments: object) -> Transcript | None:
        """Return the whole transcript of a recording that was transcribed before; send nothing.

        Raises:
            ApertisError: If the recording cannot be read; see `run`.
        """
        args = self._validate(self.arguments, arguments)
        options = self._options_of(args)
        with system_errors(), self._access.reading(args.path) as source:
            remembered = self._recall(source, options)
            return remembered or self._client.cached_transcript_with(source, options)

    @contextlib.contextmanager
    def _plan(self, arguments: Mapping[str, object]) -> Iterator[ToolPlan[Transcript]]:
        args = self._validate(self.arguments, arguments)
        options = self._options_of(args)
        with self._access.reading(args.path) as source:
            cached = self._recall(source, options)

            account = Account()

            def report(transcript: Transcript) -> ToolResult:
                self._memory.put(_memory_key(source, options), transcript)
                cost = account.total.known_cost
                return _report_transcript(args, transcript, cost, with_segments=self._segments)

            transcription = ReportedTranscription(
                self._client,
                source,
                options,
                tool=self.name,
                path=args.path,
                report=self._report,
                account=account,
            )
            yield ToolPlan(transcription.run, transcription.arun, report, cached)

    def _options_of(self, args: ReadingArguments) -> TranscriptionOptions:
        language = getattr(args, "language", None)  # only `TranscribeTool` has one
        return replace(self._options, language=language or self._options.language)

    def _recall(
        self, source: tuple[str, BinaryIO], options: TranscriptionOptions
    ) -> Transcript | None:
        """Return the transcript from memory; without one, check that opening the source is safe."""
        remembered = self._memory.get(_memory_key(source, options))
        if remembered is None and self._access.isolate_probe:
            from apertis_audio_tools.audio import probe_in_child

            probe_in_child(source)
        return remembered


def _memory_key(source: tuple[str, BinaryIO], options: TranscriptionOptions) -> Hashable:
    status = os.fstat(source[1].fileno())
    return options, (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


class TranscribeTool(_TranscriptTool):
    """Transcribes a recording in the language spoken."""

    name = "transcribe_audio"
    description = (
        "Transcribe an audio or video recording in the language spoken, with the time of each "
        "passage as [hh:mm:ss]. Accepts recordings of any length."
    )
    arguments: ClassVar[type[ReadingArguments]] = TranscribeArguments
    _task = "transcribe"


class TranslateTool(_TranscriptTool):
    """Translates a recording into English."""

    name = "translate_audio"
    description = (
        "Translate the speech in an audio or video recording into English text, with the time of "
        "each passage as [hh:mm:ss]. Accepts recordings of any length."
    )
    arguments: ClassVar[type[ReadingArguments]] = TranslateArguments
    _task = "translate"


class AskTool(AudioTool):
    """Asks a chat model that accepts audio about a clip of up to `max_seconds`."""

    name = "ask_about_audio"
    description = (
        "Ask a model that accepts audio about a clip: who speaks and in what mood, what sounds "
        "there are, what was meant. For a few minutes of audio; to read what is said in a long "
        "recording, transcribe it."
    )
    arguments: ClassVar[type[ToolArguments]] = AskArguments

    def __init__(
        self,
        client: ApertisAudio,
        access: FileAccess,
        *,
        model: str = AUTO,
        max_seconds: float = MAX_ASK_SECONDS,
        temperature: float | None = None,
    ) -> None:
        super().__init__(client, access)
        if not max_seconds > 0:
            raise ConfigurationError(f"max_seconds is {max_seconds}; it must be more than 0.")
        self._options = ChatOptions(model=model, temperature=temperature)
        self._max_seconds = max_seconds

    @contextlib.contextmanager
    def _plan(self, arguments: Mapping[str, object]) -> Iterator[ToolPlan[ChatReply]]:
        from apertis_audio_tools.audio import probe

        args = self._validate(AskArguments, arguments)
        with self._access.reading(args.path) as source:
            self._require_short(probe(source, isolate=self._access.isolate_probe))
            messages = [user_turn([text_block(args.question), source_clip(source)])]
            yield ToolPlan(
                functools.partial(self._client.chat_with, messages, self._options),
                functools.partial(self._client.achat_with, messages, self._options),
                functools.partial(_report_reply, args),
            )

    def _require_short(self, recording: "Recording") -> None:
        """Raise if the recording is too long to be sent again with every question."""
        seconds = round(recording.duration, 1)
        if seconds > self._max_seconds:
            raise UnsupportedError(
                f"{recording.label} lasts {seconds:,g} s; {self.name} accepts up to "
                f"{self._max_seconds:,g} s. To read what is said in it, use {TranscribeTool.name}."
            )


def _passages_to_show(transcript: Transcript, start: float) -> tuple[list[Passage], list[Passage]]:
    """Return whole passages from `start` on, as many as a model reads at once, and the rest."""
    passages = [each for each in transcript.passages() if each.end > start or not start]
    characters = 0
    for number, passage in enumerate(passages):
        characters += len(passage.text)
        if number and characters > MAX_SHOWN_CHARACTERS:
            return passages[:number], passages[number:]
    return passages, []


def _format_passages(shown: list[Passage], rest: list[Passage]) -> str:
    lines = [format_line(passage.start, passage.labelled_text) for passage in shown]
    if rest:
        left = f"{len(rest)} more passages follow"
        lines.append(f"[{left}: call again with start={rest[0].start:.1f} to read on.]")
    return "\n".join(lines)


def _format_silence(transcript: Transcript, start: float) -> str:
    length = f", which is {transcript.duration:.0f} s long" if transcript.duration else ""
    after = f" after {start:.0f} s" if start else ""
    return f"Nothing is said in this recording{length}{after}."


def _join(shown: list[Passage]) -> str:
    separator = "\n" if any(each.speaker for each in shown) else " "
    return separator.join(each.labelled_text for each in shown)


def _speaker_json(segment: Segment) -> dict[str, str]:
    return {"speaker": segment.speaker} if segment.speaker else {}


def _report_transcript(
    args: ReadingArguments, transcript: Transcript, cost: float | None, *, with_segments: bool
) -> ToolResult:
    shown, rest = _passages_to_show(transcript, args.start)
    start, end = (shown[0].start, shown[-1].end) if shown else (args.start, args.start)
    is_whole = not rest and not args.start
    artifact: dict[str, Any] = {
        "path": args.path,
        "start": start,
        "end": end,
        "transcript": transcript.to_text() if is_whole else _join(shown),
        "duration": transcript.duration,
        "language": None,
        **language_facts(transcript.language),
        "model": transcript.model,
        "task": transcript.task,
        "usage": usage_json(transcript.usage),
        "cost": cost,
    }
    if with_segments:
        artifact["segments"] = [
            {"start": each.start, "end": each.end, "text": each.text, **_speaker_json(each)}
            for each in transcript.segments
            if each.end > start and each.start < end
        ]
    text = _format_passages(shown, rest) if shown else _format_silence(transcript, args.start)
    return ToolResult(text, artifact)


def _report_reply(args: AskArguments, reply: ChatReply) -> ToolResult:
    artifact = {
        "path": args.path,
        "question": args.question,
        "answer": reply.text,
        "model": reply.model,
        "usage": usage_json(reply.usage),
        "cost": reply.usage and reply.usage.cost,
    }
    return ToolResult(reply.text or "The model had nothing to say to that.", artifact)
