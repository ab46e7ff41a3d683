"""Options of transcription jobs, checked before any recording is opened."""

import io
from dataclasses import dataclass, replace

from apertis_audio_tools.api.options import ModelNeed, TranscriptionOptions
from apertis_audio_tools.api.request import Upload
from apertis_audio_tools.models import (
    AUTO,
    DURATION_MARGIN,
    MAX_REQUEST_SECONDS,
    MAX_UPLOAD_BYTES,
    Capabilities,
    TranscriptFormat,
)
from apertis_audio_tools.pipeline.cache_entries import Cache

_FILE_NAME_BYTES = 1024
"""Bytes of a request that are left for the file name."""


@dataclass(frozen=True, slots=True)
class JobContext:
    """Values that all transcription jobs of a client share."""

    capabilities: Capabilities
    cache: Cache | None
    base_url: str
    isolate_probe: bool = False


@dataclass(frozen=True, slots=True)
class JobFactory:
    """Maker of transcription jobs with the same options, whose response format is decided.

    Attributes:
        max_bytes: Largest upload of a request, in bytes.
        max_seconds: Longest piece in seconds, or None if only `piece_seconds` limits it.
        is_signal: True for the jobs of channels or tracks, which have words if the model has them.
    """

    options: TranscriptionOptions
    need: ModelNeed
    context: JobContext
    max_bytes: int
    max_seconds: float | None
    is_signal: bool = False

    @classmethod
    def create(cls, options: TranscriptionOptions, context: JobContext) -> "JobFactory":
        """Check the options before any recording is opened, and return the maker of jobs."""
        from apertis_audio_tools.api.transcription import check_terms, transcription_call

        options.require_valid()
        if options.quality != "keep":
            from apertis_audio_tools.audio import require_voice_detector

            require_voice_detector()
        capabilities = context.capabilities
        need = options.need
        sent = options.as_transcription() if options.translates_text else options
        sent = replace(sent, response_format=_response_format(sent, capabilities))
        if options.model != AUTO:
            options = replace(options, response_format=sent.response_format)
        # A request without audio shows how much of a request is left for audio.
        empty = Upload("piece.webm", "audio/webm", 0, io.BytesIO)
        check_terms(options)
        call = transcription_call(empty, sent, capabilities=capabilities, source="")
        frame_bytes = call.request.body.size if call.request.body else 0
        return cls(
            options,
            need,
            context,
            max_bytes=MAX_UPLOAD_BYTES - frame_bytes - _FILE_NAME_BYTES,
            max_seconds=_max_seconds(options, capabilities),
        )

    def for_signals(self) -> "JobFactory":
        """Return the maker of the jobs of channels or tracks: with words, if the model has them.

        A segment may last over a pause that is not sent, or over the words of two speakers.
        """
        options = replace(self.options, speakers=None, speaker_names=None, channels=None)
        has_words = self.context.capabilities.gives_word_times(options.model, options.task)
        if has_words and options.response_format == "verbose_json":
            options = replace(options, timestamp_granularities=("word", "segment"))
        return replace(JobFactory.create(options, self.context), is_signal=True)

    def as_source(self) -> "JobFactory":
        """Return the maker of the jobs of transcripts that are translated."""
        factory = JobFactory.create(self.options.as_transcription(), self.context)
        return factory.for_signals() if self.is_signal else factory

    def options_for(self, model: str) -> TranscriptionOptions:
        """Return the options for a model that was chosen."""
        options = replace(self.options, model=model)
        has_words = self.context.capabilities.gives_word_times(model, options.task)
        if self.is_signal and has_words and options.response_format in {None, "verbose_json"}:
            options = replace(options, timestamp_granularities=("word", "segment"))
        known = self.context.capabilities
        return replace(options, response_format=_response_format(options, known))


def _response_format(options: TranscriptionOptions, known: Capabilities) -> TranscriptFormat:
    """Return the format that was requested, or else the one with the most times."""
    if options.response_format:
        return options.response_format
    best = known.best_transcript_format(options.model, options.task)
    return "verbose_json" if options.wants_words else best


def _max_seconds(options: TranscriptionOptions, capabilities: Capabilities) -> float | None:
    """Return the longest piece that the model accepts, and by default no long request."""
    longest = capabilities.max_seconds(options.model)
    accepted = longest and longest * DURATION_MARGIN
    if options.piece_seconds is not None:
        return accepted
    return min(accepted or MAX_REQUEST_SECONDS, MAX_REQUEST_SECONDS)
