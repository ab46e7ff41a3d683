"""Recordings under way: told of when they set out and when they end, and then closed."""

import threading
from collections.abc import Iterable, Iterator
from typing import Any, Self

from apertis_audio_tools.audio import Source, source_label
from apertis_audio_tools.llama_index.events import (
    TranscriptionEndEvent,
    TranscriptionStartEvent,
    dispatcher,
)
from apertis_audio_tools.llama_index.recording_finder import LocatedRecording

UNFINISHED = "Reading ended before this recording did."


class LoadTracker:
    """The recordings of one reading; leaving it ends those that have not arrived.

    Args:
        task: What is asked, as events tell it.
        model: Who is asked.
    """

    def __init__(self, task: str, model: str) -> None:
        self._about: dict[str, Any] = {"task": task, "model": model}
        self._found: dict[LocatedRecording, Source] = {}
        self._not_found: BaseException | None = None
        self._is_over = False
        self._lock = threading.Lock()

    def setting_out(
        self, found: Iterable[tuple[LocatedRecording, Source]]
    ) -> Iterator[tuple[LocatedRecording, Source]]:
        """The same recordings, each told of as it is asked for."""
        try:
            for recording, source in found:
                self._begin(recording, source)
                yield recording, source
        except Exception as error:
            self._not_found = error
            raise

    def arrived(self, found: LocatedRecording, source: str, **facts: Any) -> None:
        """A recording has become documents, or is skipped.

        Args:
            found: The recording.
            source: What it is called.
            facts: What else its `TranscriptionEndEvent` says.
        """
        with self._lock:
            del self._found[found]
        self._end(found, source, facts)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        with self._lock:
            self._is_over = True
            left, self._found = self._found, {}
        for number, (found, source) in enumerate(left.items()):
            reason = str(error) if number == 0 and self._is_its_own(error) else UNFINISHED
            self._end(found, found.name or source_label(source), {"error": reason})

    def _begin(self, found: LocatedRecording, source: Source) -> None:
        with self._lock:
            is_late = self._is_over  # a thread was still looking for it when reading ended
            if not is_late:
                self._found[found] = source
        if is_late:
            found.close()
            return
        dispatcher.event(TranscriptionStartEvent(source=found.name or "", **self._about))

    def _end(self, found: LocatedRecording, source: str, facts: dict[str, Any]) -> None:
        found.close()
        dispatcher.event(TranscriptionEndEvent(source=source, **self._about, **facts))

    def _is_its_own(self, error: BaseException | None) -> bool:
        """Whether an error is that of the recording whose turn it is: the first, as all have one.

        Others are no recording's: nothing more was found, or whoever reads has had enough.
        """
        return isinstance(error, Exception) and error is not self._not_found
