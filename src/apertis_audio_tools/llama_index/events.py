"""Events that instrumentation receives: facts about recordings, without audio data or keys."""

from llama_index.core.instrumentation import Dispatcher, get_dispatcher  # type: ignore[attr-defined]
from llama_index.core.instrumentation.events import BaseEvent

from apertis_audio_tools.results import Usage

dispatcher: Dispatcher = get_dispatcher("apertis_audio_tools.llama_index")


class TranscriptionStartEvent(BaseEvent):
    """Start of the transcription or translation of a recording.

    Attributes:
        source: Name of the recording, or an empty string.
        task: ``transcribe`` or ``translate``.
        model: Transcription model.
    """

    source: str
    task: str
    model: str

    @classmethod
    def class_name(cls) -> str:
        """Return the name of the event."""
        return "ApertisTranscriptionStartEvent"


class TranscriptionEndEvent(BaseEvent):
    """End of a transcription: the recording became documents, failed, or was abandoned.

    Attributes:
        source: Name that citations use for the recording; if it failed, the one messages use.
        task: ``transcribe`` or ``translate``.
        model: Transcription model.
        documents: Number of documents.
        duration: Duration of the recording in seconds, if it is known.
        usage: Usage of the requests. None if every piece came from the cache.
        cost: Dollars of the requests, as reported by the service or else by its price. 0 if every
            piece came from the cache, None if it is not known.
        error: Reason why there are no documents.
    """

    source: str
    task: str
    model: str
    documents: int = 0
    duration: float | None = None
    usage: Usage | None = None
    cost: float | None = None
    error: str | None = None

    @classmethod
    def class_name(cls) -> str:
        """Return the name of the event."""
        return "ApertisTranscriptionEndEvent"
