"""The runners behind the verbs, imported when a verb first needs them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from apertis_audio_tools.concurrency.permits import FairSemaphore
from apertis_audio_tools.pipeline.model_directory import ModelDirectory
from apertis_audio_tools.pipeline.request_runner import RequestRunner

if TYPE_CHECKING:
    from apertis_audio_tools.pipeline.batch_runner import BatchRunner
    from apertis_audio_tools.pipeline.speech_runner import SpeechRunner
    from apertis_audio_tools.pipeline.spoken_text_runner import SpokenTextRunner
    from apertis_audio_tools.pipeline.transcription_runner import TranscriptionRunner


@dataclass(frozen=True, slots=True)
class Runners:
    """Runners of all verbs of a client, which share its connections and its permits.

    They have no state of their own. Those of recordings and of long texts import PyAV.
    """

    requests: RequestRunner
    permits: FairSemaphore
    models: ModelDirectory

    @property
    def transcriptions(self) -> "TranscriptionRunner":
        """Runner of transcription jobs."""
        from apertis_audio_tools.pipeline.text_translation import TextTranslator
        from apertis_audio_tools.pipeline.transcription_runner import TranscriptionRunner

        translator = TextTranslator(self.requests, self.models)
        return TranscriptionRunner(self.requests, self.permits, self.models, translator)

    @property
    def batches(self) -> "BatchRunner":
        """Runner of batches."""
        from apertis_audio_tools.pipeline.batch_runner import BatchRunner

        return BatchRunner(self.transcriptions)

    @property
    def speech(self) -> "SpeechRunner":
        """Runner of speech jobs."""
        from apertis_audio_tools.pipeline.speech_runner import SpeechRunner

        return SpeechRunner(self.requests, self.permits)

    @property
    def spoken_texts(self) -> "SpokenTextRunner":
        """Runner of texts that are still being written."""
        from apertis_audio_tools.pipeline.spoken_text_runner import SpokenTextRunner

        return SpokenTextRunner(self.speech)
