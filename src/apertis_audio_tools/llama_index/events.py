"""What instrumentation hears of: facts about recordings, never their sound, never a key."""

from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]
from llama_index.core.instrumentation.events import BaseEvent

from apertis_audio_tools.results import Usage

dispatcher = get_dispatcher("apertis_audio_tools.llama_index")


class TranscriptionStartEvent(BaseEvent):
    """A recording is about to be transcribed or translated.

    Attributes:
        source: What it is called, if anything.
        task: ``transcribe`` or ``translate``.
        model: Which model is asked.
    """

    source: str
    task: str
    model: str

    @classmethod
    def class_name(cls) -> str:
        """The name of the event."""
        return "ApertisTranscriptionStartEvent"


class TranscriptionEndEvent(BaseEvent):
    """A recording has become documents, or has failed, or was given up.

    Attributes:
        source: What citations call it, or messages if it has failed.
        task: ``transcribe`` or ``translate``.
        model: Which model was asked.
        documents: How many documents it became.
        duration: Seconds of the recording, if they are known.
        usage: What was counted of what was sent; None if all of it was kept.
        error: Why there are no documents.
    """

    source: str
    task: str
    model: str
    documents: int = 0
    duration: float | None = None
    usage: Usage | None = None
    error: str | None = None

    @classmethod
    def class_name(cls) -> str:
        """The name of the event."""
        return "ApertisTranscriptionEndEvent"
