"""Events, the span and the open files of the recordings that a reader loads."""

import inspect
import threading
import uuid
from collections.abc import Iterable, Iterator
from typing import Self, TypedDict, Unpack

from llama_index.core.instrumentation.span import active_span_id

from apertis_audio_tools.api.options import TranscriptionOptions
from apertis_audio_tools.audio import Source, source_label
from apertis_audio_tools.llama_index.events import (
    TranscriptionEndEvent,
    TranscriptionStartEvent,
    dispatcher,
)
from apertis_audio_tools.llama_index.instrumentation import genai_tags
from apertis_audio_tools.llama_index.recording_finder import LocatedRecording
from apertis_audio_tools.models import Task
from apertis_audio_tools.results import Usage

UNFINISHED: str = "Reading ended before this recording did."


class EndFacts(TypedDict, total=False):
    """Fields of a `TranscriptionEndEvent` that describe the result."""

    documents: int
    duration: float | None
    usage: Usage | None
    cost: float | None
    error: str | None


def load_recordings(task: Task, model: str) -> None:
    """Give the span of a load its name and arguments: no recording, whose bytes it might show."""


class LoadTracker:
    """Emits an event when a recording begins and when it ends, and then closes its file.

    The context is a span. Leaving it ends the recordings that have not ended. Events and the span
    report the task and model, the span with the attributes of OpenTelemetry for generative AI.
    """

    def __init__(self, reader: object, options: TranscriptionOptions) -> None:
        self._reader = reader
        self._task = options.task
        self._model = options.model
        self._span_id = f"{type(reader).__name__}.{load_recordings.__name__}-{uuid.uuid4()}"
        self._arguments = inspect.signature(load_recordings).bind(options.task, options.model)
        self._pending: dict[LocatedRecording, Source] = {}
        self._search_error: Exception | None = None
        self._is_over = False
        self._lock = threading.Lock()

    def track(
        self, recordings: Iterable[tuple[LocatedRecording, Source]]
    ) -> Iterator[tuple[LocatedRecording, Source]]:
        """Yield the recordings; each begins when it is requested."""
        try:
            for recording, source in recordings:
                with self._lock:
                    if self._is_over:  # a thread was still searching when reading ended
                        recording.close()
                        return
                    self._pending[recording] = source
                name = recording.name or ""
                dispatcher.event(
                    TranscriptionStartEvent(source=name, task=self._task, model=self._model)
                )
                yield recording, source
        except Exception as error:
            self._search_error = error
            raise

    def finish(self, recording: LocatedRecording, name: str, **facts: Unpack[EndFacts]) -> None:
        """End a recording that became documents or was skipped; the event reports the facts."""
        with self._lock:
            del self._pending[recording]
        self._end(recording, name, facts)

    def __enter__(self) -> Self:
        dispatcher.span_enter(
            id_=self._span_id,
            bound_args=self._arguments,
            instance=self._reader,
            parent_id=active_span_id.get(),
            tags=genai_tags(self._task, self._model),
        )
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        with self._lock:
            self._is_over = True
            unfinished, self._pending = self._pending, {}
        for number, (recording, source) in enumerate(unfinished.items()):
            is_cause = number == 0 and self._is_recording_error(error)
            reason = str(error) if is_cause else UNFINISHED
            self._end(recording, recording.name or source_label(source), {"error": reason})
        self._end_span(error)

    def _end_span(self, error: BaseException | None) -> None:
        if error is None or isinstance(error, GeneratorExit):  # a caller may stop at any time
            dispatcher.span_exit(self._span_id, self._arguments, self._reader)
        else:
            dispatcher.span_drop(self._span_id, self._arguments, self._reader, error)

    def _end(self, recording: LocatedRecording, name: str, facts: EndFacts) -> None:
        recording.close()
        dispatcher.event(
            TranscriptionEndEvent(source=name, task=self._task, model=self._model, **facts)
        )

    def _is_recording_error(self, error: BaseException | None) -> bool:
        """Return whether an error is that of the first recording that has not ended.

        Outcomes arrive in order. Other errors come from the search for recordings, or from a
        caller who stopped reading.
        """
        return isinstance(error, Exception) and error is not self._search_error
