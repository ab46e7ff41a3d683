"""The tools that read recordings, and the one that asks about them."""

import contextlib
import functools
import os
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Mapping
from typing import Any, ClassVar, Self

from apertis_audio_tools.adapters.chat_schema.clips import source_clip
from apertis_audio_tools.adapters.chat_schema.turns import text_block, user_turn
from apertis_audio_tools.adapters.tools.arguments import (
    AskArguments,
    ReadingArguments,
    ToolArguments,
    TranscribeArguments,
    TranslateArguments,
)
from apertis_audio_tools.adapters.tools.tool import AudioTool, ToolPlan, ToolResult, usage_json
from apertis_audio_tools.api.options import ChatOptions, TranscriptionOptions
from apertis_audio_tools.audio import Recording, probe, probe_in_child
from apertis_audio_tools.client import ApertisAudio
from apertis_audio_tools.concurrency import fork_safety
from apertis_audio_tools.errors import ConfigurationError, UnsupportedError
from apertis_audio_tools.files.access import FileAccess
from apertis_audio_tools.models import CHAT_MODEL, TRANSCRIPTION_MODEL, Task
from apertis_audio_tools.results import ChatReply, Transcript
from apertis_audio_tools.text.subtitles import format_line

MAX_SHOWN_CHARACTERS = 20_000
"""Longest text a model reads at once: about 5,000 tokens, or twenty minutes of speech."""
MAX_ASK_SECONDS = 600.0
"""Longest recording a model is asked about: each question sends all of it again."""


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
        model: str = TRANSCRIPTION_MODEL,
        memory: TranscriptMemory | None = None,
    ) -> None:
        super().__init__(client, access)
        self._model = model
        self._memory = TranscriptMemory() if memory is None else memory

    @contextlib.contextmanager
    def _plan(self, arguments: Mapping[str, object]) -> Iterator[ToolPlan[Transcript]]:
        args = self._validate(self.arguments, arguments)
        language = args.model_dump(include={"language"})  # only `TranscribeTool` has one
        options = TranscriptionOptions(task=self._task, model=self._model, **language)
        with self._access.reading(args.path) as source:
            status = os.fstat(source[1].fileno())
            version = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
            key = (options, version)
            cached = self._memory.get(key)
            if cached is None and self._access.isolate_probe:
                probe_in_child(source)

            def report(transcript: Transcript) -> ToolResult:
                self._memory.put(key, transcript)
                return _report_transcript(args, transcript)

            yield ToolPlan(
                functools.partial(self._client.transcribe_with, source, options),
                functools.partial(self._client.atranscribe_with, source, options),
                report,
                cached,
            )


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
        model: str = CHAT_MODEL,
        max_seconds: float = MAX_ASK_SECONDS,
    ) -> None:
        super().__init__(client, access)
        if not max_seconds > 0:
            raise ConfigurationError(f"max_seconds is {max_seconds}; it must be more than 0.")
        self._model = model
        self._max_seconds = max_seconds

    @contextlib.contextmanager
    def _plan(self, arguments: Mapping[str, object]) -> Iterator[ToolPlan[ChatReply]]:
        args = self._validate(AskArguments, arguments)
        options = ChatOptions(model=self._model)
        with self._access.reading(args.path) as source:
            self._require_short(probe(source, isolate=self._access.isolate_probe))
            messages = [user_turn([text_block(args.question), source_clip(source)])]
            yield ToolPlan(
                functools.partial(self._client.chat_with, messages, options),
                functools.partial(self._client.achat_with, messages, options),
                functools.partial(_report_reply, args),
            )

    def _require_short(self, recording: Recording) -> None:
        """Raise if the recording is too long to be sent again with every question."""
        seconds = round(recording.duration, 1)
        if seconds > self._max_seconds:
            raise UnsupportedError(
                f"{recording.label} lasts {seconds:,g} s; {self.name} accepts up to "
                f"{self._max_seconds:,g} s. To read what is said in it, use {TranscribeTool.name}."
            )


def _format_passages(transcript: Transcript, start: float) -> str:
    """Return whole passages from `start` on, as many as fit, and how to read on."""
    passages = [each for each in transcript.passages() if each.end > start or not start]
    if not passages:
        length = f", which is {transcript.duration:.0f} s long" if transcript.duration else ""
        after = f" after {start:.0f} s" if start else ""
        return f"Nothing is said in this recording{length}{after}."
    lines: list[str] = []
    characters = 0
    for number, passage in enumerate(passages):
        characters += len(passage.text)
        if lines and characters > MAX_SHOWN_CHARACTERS:
            left = f"{len(passages) - number} more passages follow"
            lines.append(f"[{left}: call again with start={passage.start:.1f} to read on.]")
            break
        lines.append(format_line(passage.start, passage.text))
    return "\n".join(lines)


def _report_transcript(args: ReadingArguments, transcript: Transcript) -> ToolResult:
    artifact: dict[str, Any] = {
        "path": args.path,
        "duration": transcript.duration,
        "language": transcript.language,
        "transcript": transcript.text,
        "segments": [
            {"start": each.start, "end": each.end, "text": each.text}
            for each in transcript.segments
        ],
        "model": transcript.model,
        "task": transcript.task,
        "usage": usage_json(transcript.usage),
    }
    return ToolResult(_format_passages(transcript, args.start), artifact)


def _report_reply(args: AskArguments, reply: ChatReply) -> ToolResult:
    artifact = {
        "path": args.path,
        "question": args.question,
        "answer": reply.text,
        "model": reply.model,
        "usage": usage_json(reply.usage),
    }
    return ToolResult(reply.text or "The model had nothing to say to that.", artifact)
