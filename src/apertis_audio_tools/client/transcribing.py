"""The verbs that turn recordings into text."""

from typing import Any

from apertis_audio_tools import calls, recordings
from apertis_audio_tools.calls import Call
from apertis_audio_tools.drivers import Drivers, awaiting, blocking
from apertis_audio_tools.models import Capabilities, TranscriptFormat
from apertis_audio_tools.recordings import Source
from apertis_audio_tools.results import Transcript

TRANSCRIPTION_MODEL = "whisper-1"


class Transcribing:
    """`transcribe` and `translate`, in both colours."""

    _drivers: Drivers
    _capabilities: Capabilities

    def _transcribe(
        self,
        source: Source,
        *,
        model: str = TRANSCRIPTION_MODEL,
        language: str | None = None,
        prompt: str | None = None,
        response_format: TranscriptFormat | None = None,
        temperature: float | None = None,
    ) -> Call[Transcript]:
        """What is said in a recording, in its own language.

        Args:
            source: A path, bytes, a binary file object (from its current position), or
                (name, content); up to 25 MiB, in a container the service takes. One file object
                cannot be in two calls at once.
            model: A transcription model.
            language: ISO 639-1, such as ``zh``: helps accuracy.
            prompt: Context, or how names and terms are spelled.
            response_format: Without it, ``verbose_json`` from models that have it, because it
                carries times, and ``json`` from others.
            temperature: Of the sampling, 0 to 1; the service's default is 0.

        Raises:
            RecordingError: The source is missing, empty or no audio.
            UnsupportedError: Known to be impossible; nothing was sent.
            APIError: The service refused, could not be reached, or answered nonsense.
        """
        return calls.transcription(
            **_described(recordings.probe(source)),
            task="transcribe",
            capabilities=self._capabilities,
            model=model,
            language=language,
            prompt=prompt,
            response_format=response_format,
            temperature=temperature,
        )

    transcribe = blocking(_transcribe)
    atranscribe = awaiting(_transcribe)

    def _translate(
        self,
        source: Source,
        *,
        model: str = TRANSCRIPTION_MODEL,
        prompt: str | None = None,
        response_format: TranscriptFormat | None = None,
        temperature: float | None = None,
    ) -> Call[Transcript]:
        """What is said in a recording, in English; only whisper models translate.

        Args:
            source: As in `transcribe`.
            model: A whisper model.
            prompt: Context, in English.
            response_format: As in `transcribe`.
            temperature: Of the sampling, 0 to 1; the service's default is 0.

        Raises:
            RecordingError: The source is missing, empty or no audio.
            UnsupportedError: Known to be impossible; nothing was sent.
            APIError: The service refused, could not be reached, or answered nonsense.
        """
        return calls.transcription(
            **_described(recordings.probe(source)),
            task="translate",
            capabilities=self._capabilities,
            model=model,
            prompt=prompt,
            response_format=response_format,
            temperature=temperature,
        )

    translate = blocking(_translate)
    atranslate = awaiting(_translate)


def _described(recording: recordings.Recording) -> dict[str, Any]:
    return {
        "upload": recording.upload(),
        "source": recording.label,
        "duration": recording.duration,
    }
