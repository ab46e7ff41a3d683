"""The tools that read recordings, and the one that listens."""

import contextlib
import functools
import os
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Any, ClassVar, Self

from apertis_audio_tools.adapters.tools.arguments import (
    AskArguments,
    ReadingArguments,
    TranscribeArguments,
    TranslateArguments,
)
from apertis_audio_tools.adapters.tools.tool import AudioTool, ToolPlan, ToolResult, usage_json
from apertis_audio_tools.audio import Recording, probe
from apertis_audio_tools.client import ApertisAudio
from apertis_audio_tools.concurrency import fork_safety
from apertis_audio_tools.errors import ConfigurationError, UnsupportedError
from apertis_audio_tools.files.access import FileAccess
from apertis_audio_tools.models import CHAT_MODEL, TRANSCRIPTION_MODEL
from apertis_audio_tools.results import ChatReply, Transcript

MAX_SHOWN_CHARACTERS = 20_000
"""Of a transcript that a model reads at once: about 5,000 tokens, twenty minutes of speech."""
MAX_ASK_SECONDS = 600.0
"""Of a recording that a model is asked about: it reads all of it anew with each question."""


class TranscriptMemory:
    """The last transcripts, so that reading on costs nothing.

    Copies of what holds it share it; in another process nothing was heard yet.
    """

    _MOST = 8

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Transcript] = OrderedDict()
        self._lock = fork_safety.ForkSafeLock()

    def get(self, key: Hashable) -> Transcript | None:
        """What was heard."""
        with self._lock:
            return self._kept.get(key)

    def put(self, key: Hashable, transcript: Transcript) -> None:
        """Keep it, and forget the oldest."""
        with self._lock:
            self._kept[key] = transcript
            self._kept.move_to_end(key)
            while len(self._kept) > self._MOST:
                self._kept.popitem(last=False)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self

    def __reduce__(self) -> tuple[type[Self], tuple[()]]:
        return type(self), ()


class _TranscriptTool(AudioTool):
    """Reads recordings; a long transcript is read in several turns, and paid for once."""

    _VERB: ClassVar[str]

    def __init__(
        self,
        audio: ApertisAudio,
        access: FileAccess,
        *,
        model: str = TRANSCRIPTION_MODEL,
        memory: TranscriptMemory | None = None,
    ) -> None:
        super().__init__(audio, access)
        self._model = model
        self._memory = TranscriptMemory() if memory is None else memory

    @contextlib.contextmanager
    def _planned(self, asked: ReadingArguments) -> Iterator[ToolPlan]:
        options = asked.model_dump(exclude={"path", "start"}, exclude_none=True)
        with self._access.reading(asked.path) as source:
            status = os.fstat(source[1].fileno())
            identity = (
                self._model,
                status.st_dev,
                status.st_ino,
                status.st_size,
                status.st_mtime_ns,
                *options.values(),
            )

            def tell(transcript: Transcript) -> ToolResult:
                self._memory.put(identity, transcript)
                return ToolResult(_shown(transcript, asked.start), _told(asked.path, transcript))

            yield ToolPlan(
                self._VERB,
                (source,),
                {"model": self._model, **options},
                tell,
                self._memory.get(identity),
            )


class TranscribeTool(_TranscriptTool):
    """What is said in a recording, in its own language."""

    name = "transcribe_audio"
    description = (
        "Write down what is said in an audio or video recording, in the language spoken, with "
        "the time of each passage as [hh:mm:ss]. Takes recordings of any length."
    )
    arguments = TranscribeArguments
    _VERB = "transcribe"


class TranslateTool(_TranscriptTool):
    """What is said in a recording, in English."""

    name = "translate_audio"
    description = (
        "Write down in English what is said in an audio or video recording in another language, "
        "with the time of each passage as [hh:mm:ss]. Takes recordings of any length."
    )
    arguments = TranslateArguments
    _VERB = "translate"


class AskTool(AudioTool):
    """A question about a clip, to a model that hears.

    Args:
        audio: The client it asks.
        access: The folders it may read.
        model: A chat model that hears.
        max_seconds: Longer recordings are refused.

    Raises:
        ConfigurationError: `max_seconds` is not above 0.
    """

    name = "ask_about_audio"
    description = (
        "Ask a model that can hear about an audio clip: who speaks and in what mood, what sounds "
        "there are, what was meant. For a few minutes of audio; to read what is said in a long "
        "recording, transcribe it."
    )
    arguments = AskArguments

    def __init__(
        self,
        audio: ApertisAudio,
        access: FileAccess,
        *,
        model: str = CHAT_MODEL,
        max_seconds: float = MAX_ASK_SECONDS,
    ) -> None:
        super().__init__(audio, access)
        if not max_seconds > 0:
            raise ConfigurationError(f"max_seconds is {max_seconds}; it must be more than 0.")
        self._model = model
        self._max_seconds = max_seconds

    @contextlib.contextmanager
    def _planned(self, asked: AskArguments) -> Iterator[ToolPlan]:
        with self._access.reading(asked.path) as source:
            self._require_short(probe(source))
            tell = functools.partial(_answered, asked)
            yield ToolPlan("chat", (asked.question, source), {"model": self._model}, tell)

    def _require_short(self, recording: Recording) -> None:
        """Refuse what would be paid for many times over, as a sentence a model can act on."""
        seconds = round(recording.duration, 1)
        if seconds > self._max_seconds:
            raise UnsupportedError(
                f"{recording.label} lasts {seconds:,g} s; {self.name} takes up to "
                f"{self._max_seconds:,g} s. To read what is said in it, use {TranscribeTool.name}."
            )


def _shown(transcript: Transcript, start: float) -> str:
    """What a model reads: whole passages from `start` on, as many as fit, and how to read on."""
    passages = [each for each in transcript.passages() if each.end > start or not start]
    if not passages:
        length = f", which is {transcript.duration:.0f} s long" if transcript.duration else ""
        after = f" after {start:.0f} s" if start else ""
        return f"Nothing is said in this recording{length}{after}."
    lines: list[str] = []
    written = 0
    for number, passage in enumerate(passages):
        written += len(passage.text)
        if lines and written > MAX_SHOWN_CHARACTERS:
            left = f"{len(passages) - number} more passages follow"
            lines.append(f"[{left}: call again with start={passage.start:.1f} to read on.]")
            break
        lines.append(f"[{passage.timecode}] {passage.text}")
    return "\n".join(lines)


def _told(path: str, transcript: Transcript) -> dict[str, Any]:
    timed = [{"start": s.start, "end": s.end, "text": s.text} for s in transcript.segments]
    return {
        "path": path,
        "duration": transcript.duration,
        "language": transcript.language,
        "transcript": transcript.text,
        "segments": timed,
        "model": transcript.model,
        "task": transcript.task,
        "usage": usage_json(transcript.usage),
    }


def _answered(asked: AskArguments, reply: ChatReply) -> ToolResult:
    artifact = {
        "path": asked.path,
        "question": asked.question,
        "answer": reply.text,
        "model": reply.model,
        "usage": usage_json(reply.usage),
    }
    return ToolResult(reply.text or "The model had nothing to say to that.", artifact)
