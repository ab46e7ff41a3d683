"""The verbs that turn recordings into text."""

import functools
import io
from collections.abc import Callable
from typing import Any

from apertis_audio_tools import api
from apertis_audio_tools.api import Call
from apertis_audio_tools.api.request import Upload
from apertis_audio_tools.audio import Piece, Source, cut_pieces, probe
from apertis_audio_tools.client.colours import many, many_awaiting, piecewise, piecewise_awaiting
from apertis_audio_tools.models import (
    MAX_UPLOAD_BYTES,
    TRANSCRIPTION_MODEL,
    Capabilities,
    TranscriptFormat,
    UploadFormat,
    require_piece_options,
)
from apertis_audio_tools.pipeline.batch import BatchRequest, OnError, Sources
from apertis_audio_tools.pipeline.batch_runner import BatchRunner
from apertis_audio_tools.pipeline.cache import TranscriptCache
from apertis_audio_tools.pipeline.progress import ProgressCallback, ProgressReporter
from apertis_audio_tools.pipeline.transcription_job import TranscriptionJob
from apertis_audio_tools.results import Transcript

_NAME_BYTES = 1024
"""What a file name may take of a request."""


_LARGEST_SHARE = 6 / 7
"""Of the seconds a model takes: 20 of the 23 minutes of gpt-4o, to be on the safe side."""


class TranscriptionVerbs:
    """`transcribe` and `translate`, of one recording and of many, in both colours."""

    _base_url: str
    _cache: TranscriptCache | None
    _capabilities: Capabilities
    _drivers: BatchRunner

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
        upload_format: UploadFormat = "auto",
    ) -> TranscriptionJob:
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
            piece_seconds: How long pieces should be, about; without it, five to fifteen minutes,
                where a recording has to be cut at all.
            upload_format: Encode for a slow line: ``mp3`` or ``opus``, 16 kHz in one channel.

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
        return self._jobs(asked, piece_seconds, upload_format)(source)

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
        upload_format: UploadFormat = "auto",
    ) -> TranscriptionJob:
        """What is said in a recording of any length, in English; only whisper models translate.

        Args:
            source: As in `transcribe`.
            model: A whisper model.
            prompt: Context, in English.
            response_format: As in `transcribe`.
            temperature: Of the sampling, 0 to 1; the service's default is 0.
            piece_seconds: As in `transcribe`.
            upload_format: As in `transcribe`.

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
        return self._jobs(asked, piece_seconds, upload_format)(source)

    translate = piecewise(_translate)
    atranslate = piecewise_awaiting(_translate)

    def _transcribe_many(
        self,
        sources: Sources,
        *,
        in_order: bool = True,
        on_error: OnError = "raise",
        progress: bool | ProgressCallback = False,
        model: str = TRANSCRIPTION_MODEL,
        language: str | None = None,
        prompt: str | None = None,
        response_format: TranscriptFormat | None = None,
        temperature: float | None = None,
        piece_seconds: float | None = None,
        upload_format: UploadFormat = "auto",
    ) -> BatchRequest:
        """What is said in many recordings, as `Outcome` values, while others are still under way.

        Sources are taken one by one as there is room, so that any number will do; few outcomes
        wait for their turn. Closing the iterator early stops at once.

        Args:
            sources: Recordings as in `transcribe`; for `atranscribe_many` also asynchronously. An
                iterable that blocks, blocks.
            in_order: Hand outcomes over in the order of the sources, or as they come.
            on_error: ``raise`` ends with the first recording that fails: nothing new is sent, and
                a cache keeps what was under way. With ``collect`` its outcome has the error.
            progress: True for a bar on standard error (needs the extra ``progress``), or a
                function that takes `Progress` values.
            model: As in `transcribe`, like all that follow.
            language: Of all recordings.
            prompt: For all recordings.
            response_format: Of all answers.
            temperature: Of the sampling, 0 to 1.
            piece_seconds: How long pieces should be, about.
            upload_format: Encode for a slow line: ``mp3`` or ``opus``.

        Raises:
            ApertisError: As `transcribe` for a recording, with ``on_error="raise"``.
            ConfigurationError: An argument cannot be, or tqdm is missing for the bar.
            UnsupportedError: Known to be impossible for any recording; nothing was sent.
        """
        asked = {
            "task": "transcribe",
            "model": model,
            "language": language,
            "prompt": prompt,
            "response_format": response_format,
            "temperature": temperature,
        }
        job = self._jobs(asked, piece_seconds, upload_format)
        return BatchRequest(sources, job, in_order, on_error, ProgressReporter(progress))

    transcribe_many = many(_transcribe_many)
    atranscribe_many = many_awaiting(_transcribe_many)

    def _translate_many(
        self,
        sources: Sources,
        *,
        in_order: bool = True,
        on_error: OnError = "raise",
        progress: bool | ProgressCallback = False,
        model: str = TRANSCRIPTION_MODEL,
        prompt: str | None = None,
        response_format: TranscriptFormat | None = None,
        temperature: float | None = None,
        piece_seconds: float | None = None,
        upload_format: UploadFormat = "auto",
    ) -> BatchRequest:
        """What is said in many recordings, in English; arguments and errors as in the others.

        Args:
            sources: As in `transcribe_many`.
            in_order: As in `transcribe_many`.
            on_error: As in `transcribe_many`.
            progress: As in `transcribe_many`.
            model: A whisper model.
            prompt: Context, in English, for all recordings.
            response_format: Of all answers.
            temperature: Of the sampling, 0 to 1.
            piece_seconds: As in `transcribe`.
            upload_format: As in `transcribe`.

        Raises:
            ApertisError: As in `transcribe_many`.
        """
        asked = {
            "task": "translate",
            "model": model,
            "prompt": prompt,
            "response_format": response_format,
            "temperature": temperature,
        }
        job = self._jobs(asked, piece_seconds, upload_format)
        return BatchRequest(sources, job, in_order, on_error, ProgressReporter(progress))

    translate_many = many(_translate_many)
    atranslate_many = many_awaiting(_translate_many)

    def _jobs(
        self, asked: dict[str, Any], piece_seconds: float | None, upload_format: UploadFormat
    ) -> Callable[[Source], TranscriptionJob]:
        """What makes the job of a recording, once what was asked is known to be possible."""
        require_piece_options(piece_seconds, upload_format)
        asked["response_format"] = asked[
            "response_format"
        ] or self._capabilities.best_transcript_format(asked["model"], asked["task"])

        def call(upload: Upload, source: str, duration: float | None = None) -> Call[Transcript]:
            return api.transcription_call(
                upload, source=source, duration=duration, capabilities=self._capabilities, **asked
            )

        # Without sound, it refuses what is impossible before a recording is even opened, and
        # tells how much of a request is left for sound.
        frame = call(Upload("piece.webm", "audio/webm", 0, io.BytesIO), "").request.body
        longest = self._capabilities.max_seconds(asked["model"])
        cut: dict[str, Any] = {
            "max_bytes": MAX_UPLOAD_BYTES - (frame.size if frame else 0) - _NAME_BYTES,
            "max_seconds": longest and longest * _LARGEST_SHARE,
            "target_seconds": piece_seconds,
            "upload_format": upload_format,
        }

        def job(source: Source) -> TranscriptionJob:
            recording = probe(source)

            def ask(piece: Piece) -> Call[Transcript]:
                return call(piece.upload, recording.label, round(piece.end - piece.start, 3))

            return TranscriptionJob(
                recording=recording,
                pieces=functools.partial(cut_pieces, recording, **cut),
                ask=ask,
                about=Transcript(
                    text="",
                    task=asked["task"],
                    model=asked["model"],
                    language=asked.get("language"),
                    source=recording.label,
                    duration=recording.duration,
                ),
                cache=self._cache,
                question={**asked, **cut, "base_url": self._base_url},
            )

        return job
