"""The verbs that turn recordings into text."""

import functools
import io
from typing import Any, Literal

from apertis_audio_tools import calls, recordings
from apertis_audio_tools.cache import TranscriptCache
from apertis_audio_tools.calls import Call
from apertis_audio_tools.colours import piecewise, piecewise_awaiting
from apertis_audio_tools.drivers import Drivers
from apertis_audio_tools.jobs import Job
from apertis_audio_tools.models import MAX_UPLOAD_BYTES, Capabilities, TranscriptFormat
from apertis_audio_tools.recordings import Piece, Source
from apertis_audio_tools.results import Transcript
from apertis_audio_tools.wire import Upload

TRANSCRIPTION_MODEL = "whisper-1"
Shrink = Literal["mp3", "opus"]

_NAME_BYTES = 1024
"""What a file name may take of a request."""


_LARGEST_SHARE = 6 / 7
"""Of the seconds a model takes: 20 of the 23 minutes of gpt-4o, to be on the safe side."""


class Transcribing:
    """`transcribe` and `translate`, in both colours."""

    _base_url: str
    _cache: TranscriptCache | None
    _capabilities: Capabilities
    _drivers: Drivers
    _max_concurrency: int

    def _transcribe(
        self,
        source: Source,
        *,
        model: str = TRANSCRIPTION_MODEL,
        language: str | None = None,
        prompt: str | None = None,
        response_format: TranscriptFormat | None = None,
        temperature: float | None = None,
        piece_seconds: float | None = None,
        shrink: Shrink | None = None,
    ) -> Job:
        """What is said in a recording of any length, in its own language.

        What is too long or too large for one request is cut at pauses, sent in pieces, several at
        a time, and put together again; times are those of the recording.

        Args:
            source: A path, bytes, a binary file object (from its current position), or
                (name, content), in any format FFmpeg reads.
            model: A transcription model.
            language: ISO 639-1, such as ``zh``: helps accuracy.
            prompt: Context, or how names and terms are spelled.
            response_format: Without it, ``verbose_json`` from models that have it, because it
                carries times, and ``json`` from others.
            temperature: Of the sampling, 0 to 1; the service's default is 0.
            piece_seconds: How long pieces should be, about; without it, as long as they can be.
            shrink: Encode for a slow line: ``mp3`` or ``opus``, 16 kHz in one channel.

        Raises:
            RecordingError: The source is missing, empty or no audio.
            UnsupportedError: Known to be impossible; nothing was sent.
            APIError: The service refused, could not be reached, or answered nonsense; if some
                pieces were finished before, ``partial`` has them.
        """
        asked = {
            "task": "transcribe",
            "model": model,
            "language": language,
            "prompt": prompt,
            "response_format": response_format,
            "temperature": temperature,
        }
        return self._job(source, asked, piece_seconds, shrink)

    transcribe = piecewise(_transcribe)
    atranscribe = piecewise_awaiting(_transcribe)

    def _translate(
        self,
        source: Source,
        *,
        model: str = TRANSCRIPTION_MODEL,
        prompt: str | None = None,
        response_format: TranscriptFormat | None = None,
        temperature: float | None = None,
        piece_seconds: float | None = None,
        shrink: Shrink | None = None,
    ) -> Job:
        """What is said in a recording of any length, in English; only whisper models translate.

        Args:
            source: As in `transcribe`.
            model: A whisper model.
            prompt: Context, in English.
            response_format: As in `transcribe`.
            temperature: Of the sampling, 0 to 1; the service's default is 0.
            piece_seconds: As in `transcribe`.
            shrink: As in `transcribe`.

        Raises:
            RecordingError: The source is missing, empty or no audio.
            UnsupportedError: Known to be impossible; nothing was sent.
            APIError: As in `transcribe`.
        """
        asked = {
            "task": "translate",
            "model": model,
            "prompt": prompt,
            "response_format": response_format,
            "temperature": temperature,
        }
        return self._job(source, asked, piece_seconds, shrink)

    translate = piecewise(_translate)
    atranslate = piecewise_awaiting(_translate)

    def _job(
        self,
        source: Source,
        asked: dict[str, Any],
        piece_seconds: float | None,
        shrink: Shrink | None,
    ) -> Job:
        asked["response_format"] = asked[
            "response_format"
        ] or self._capabilities.best_transcript_format(asked["model"], asked["task"])

        def call(upload: Upload, source: str, duration: float | None = None) -> Call[Transcript]:
            return calls.transcription(
                upload, source=source, duration=duration, capabilities=self._capabilities, **asked
            )

        def ask(piece: Piece) -> Call[Transcript]:
            return call(piece.upload, recording.label, piece.end - piece.start)

        # Without sound, it refuses what is impossible before the recording is even opened, and
        # tells how much of a request is left for sound.
        frame = call(Upload("piece.webm", "audio/webm", 0, io.BytesIO), "").request.body
        recording = recordings.probe(source)
        longest = self._capabilities.max_seconds(asked["model"])
        cut: dict[str, Any] = {
            "max_bytes": MAX_UPLOAD_BYTES - (frame.size if frame else 0) - _NAME_BYTES,
            "max_seconds": longest and longest * _LARGEST_SHARE,
            "target_seconds": piece_seconds,
            "shrink": shrink,
        }
        return Job(
            recording=recording,
            pieces=functools.partial(recordings.pieces, recording, **cut),
            ask=ask,
            about=Transcript(
                text="",
                task=asked["task"],
                model=asked["model"],
                language=asked.get("language"),
                source=recording.label,
                duration=recording.duration,
            ),
            max_concurrency=self._max_concurrency,
            cache=self._cache,
            question={**asked, **cut, "base_url": self._base_url},
        )
