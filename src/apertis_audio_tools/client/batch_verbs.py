"""Verbs that turn many recordings into text."""

from collections.abc import AsyncGenerator, Generator, Sequence
from typing import TYPE_CHECKING

from apertis_audio_tools.api.options import TimestampGranularity, TranscriptionOptions
from apertis_audio_tools.api.speakers import Speakers
from apertis_audio_tools.models import (
    AUTO,
    Pauses,
    Quality,
    TrackChoice,
    TranscriptFormat,
    UploadFormat,
)
from apertis_audio_tools.pipeline.accounts import Account, Limits
from apertis_audio_tools.pipeline.batch import BatchRequest, OnError, Outcome, Sources
from apertis_audio_tools.pipeline.progress import ProgressCallback, ProgressReporter

if TYPE_CHECKING:
    from apertis_audio_tools.client.runners import Runners
    from apertis_audio_tools.pipeline.job_factory import JobContext


class BatchVerbs:
    """`transcribe_many` and `translate_many`, sync and async."""

    _context: "JobContext"
    _runners: "Runners"

    def transcribe_many(
        self,
        sources: Sources,
        *,
        in_order: bool = True,
        on_error: OnError = "raise",
        progress: bool | ProgressCallback = False,
        model: str = AUTO,
        language: str | None = None,
        languages: Sequence[str] = (),
        keywords: Sequence[str] = (),
        prompt: str | None = None,
        response_format: TranscriptFormat | None = None,
        temperature: float | None = None,
        piece_seconds: float | None = None,
        upload_format: UploadFormat = "auto",
        track: TrackChoice = "default",
        timestamp_granularities: Sequence[TimestampGranularity] | None = None,
        speakers: Speakers | None = None,
        speaker_names: Sequence[str] | None = None,
        channels: Sequence[int] | None = None,
        pauses: Pauses = "keep",
        quality: Quality = "keep",
        max_cost: float | None = None,
        max_audio_seconds: float | None = None,
    ) -> Generator[Outcome]:
        """Transcribe many recordings; yield an `Outcome` for each while others are under way.

        There may be any number of sources: the next one is opened when there is room for it, and
        few outcomes are held back. Nothing starts before the first outcome is requested. Closing
        the iterator early stops at once.

        Args:
            sources: Recordings; see `transcribe`. `atranscribe_many` also accepts an asynchronous
                iterable; an iterable that blocks, blocks.
            in_order: Whether outcomes come in the order of the sources. Defaults to True.
            on_error: ``raise`` ends with the first recording that fails: no further one is sent,
                and the error is raised after the outcomes of those under way; the paths of a list
                are checked before anything is sent. With ``skip`` the outcome of the recording has
                the error. Defaults to ``raise``.
            progress: True for a bar on standard error (needs the extra ``progress``), or a
                function that is called with `Progress` values. Defaults to False.
            model: Transcription model. Defaults to ``auto``, the best one the key has for the
                language, with times if the format is open.
            language: ISO 639-1 code of the language spoken in all recordings.
            languages: ISO 639-1 codes of the languages spoken; see `transcribe`.
            keywords: Names and terms that are spoken; see `transcribe`.
            prompt: Context for all recordings.
            response_format: Format of all responses; see `transcribe`.
            temperature: Sampling temperature, 0 to 1. Defaults to the service's 0.
            piece_seconds: Target length of pieces in seconds; see `transcribe`.
            upload_format: Encoding of uploads; see `transcribe`. Defaults to ``auto``.
            track: Audio track of each recording; see `transcribe`. Defaults to ``default``.
            timestamp_granularities: ``["word"]`` for the times of words; see `transcribe`.
            speakers: How speakers are told apart; see `transcribe`, as for the next two.
            speaker_names: Name for each channel or track.
            channels: Indexes of the channels.
            pauses: Whether long pauses are sent; see `transcribe`. Defaults to ``keep``.
            quality: Treatment of doubtful segments; see `transcribe`. Defaults to ``keep``.
            max_cost: Dollars that all recordings may cost together, repeated requests included.
                Defaults to no limit but that of the client.
            max_audio_seconds: Seconds of audio that may be sent for all recordings together.
                Defaults to no limit but that of the client.

        Raises:
            BudgetExceededError: After the outcomes of the recordings that were finished, if a limit
                leaves less than the next piece may cost; with either `on_error`.
            ApertisError: If a recording fails, with ``on_error="raise"``; see `transcribe`.
            ConfigurationError: If an argument is invalid, tqdm is missing for the bar, or the price
                is not known that `max_cost` needs.
            UnsupportedError: If the service is known to refuse any recording; nothing was sent.
        """
        options = TranscriptionOptions(
            model=model,
            language=language,
            languages=languages,
            keywords=keywords,
            prompt=prompt,
            response_format=response_format,
            temperature=temperature,
            piece_seconds=piece_seconds,
            upload_format=upload_format,
            track=track,
            timestamp_granularities=timestamp_granularities,
            speakers=speakers,
            speaker_names=speaker_names,
            channels=channels,
            pauses=pauses,
            quality=quality,
        )
        return self.transcribe_many_with(
            sources,
            options,
            Account(Limits(max_cost, max_audio_seconds)),
            in_order=in_order,
            on_error=on_error,
            progress=progress,
        )

    def atranscribe_many(
        self,
        sources: Sources,
        *,
        in_order: bool = True,
        on_error: OnError = "raise",
        progress: bool | ProgressCallback = False,
        model: str = AUTO,
        language: str | None = None,
        languages: Sequence[str] = (),
        keywords: Sequence[str] = (),
        prompt: str | None = None,
        response_format: TranscriptFormat | None = None,
        temperature: float | None = None,
        piece_seconds: float | None = None,
        upload_format: UploadFormat = "auto",
        track: TrackChoice = "default",
        timestamp_granularities: Sequence[TimestampGranularity] | None = None,
        speakers: Speakers | None = None,
        speaker_names: Sequence[str] | None = None,
        channels: Sequence[int] | None = None,
        pauses: Pauses = "keep",
        quality: Quality = "keep",
        max_cost: float | None = None,
        max_audio_seconds: float | None = None,
    ) -> AsyncGenerator[Outcome]:
        """Async version of `transcribe_many`."""
        options = TranscriptionOptions(
            model=model,
            language=language,
            languages=languages,
            keywords=keywords,
            prompt=prompt,
            response_format=response_format,
            temperature=temperature,
            piece_seconds=piece_seconds,
            upload_format=upload_format,
            track=track,
            timestamp_granularities=timestamp_granularities,
            speakers=speakers,
            speaker_names=speaker_names,
            channels=channels,
            pauses=pauses,
            quality=quality,
        )
        return self.atranscribe_many_with(
            sources,
            options,
            Account(Limits(max_cost, max_audio_seconds)),
            in_order=in_order,
            on_error=on_error,
            progress=progress,
        )

    def translate_many(
        self,
        sources: Sources,
        *,
        in_order: bool = True,
        on_error: OnError = "raise",
        progress: bool | ProgressCallback = False,
        to: str = "en",
        model: str = AUTO,
        chat_model: str = AUTO,
        prompt: str | None = None,
        response_format: TranscriptFormat | None = None,
        temperature: float | None = None,
        piece_seconds: float | None = None,
        upload_format: UploadFormat = "auto",
        track: TrackChoice = "default",
        speakers: Speakers | None = None,
        speaker_names: Sequence[str] | None = None,
        channels: Sequence[int] | None = None,
        pauses: Pauses = "keep",
        quality: Quality = "keep",
        max_cost: float | None = None,
        max_audio_seconds: float | None = None,
    ) -> Generator[Outcome]:
        """Translate many recordings, into English unless `to` says otherwise.

        Args:
            sources: Recordings; see `transcribe_many`.
            in_order: Whether outcomes come in the order of the sources. Defaults to True.
            on_error: ``raise`` or ``skip``; see `transcribe_many`. Defaults to ``raise``.
            progress: Progress bar or callback; see `transcribe_many`. Defaults to False.
            to: ISO 639-1 code of the language to translate into. Defaults to ``en``.
            model: Whisper model; no other translates recordings. Defaults to ``auto``.
            chat_model: Chat model that translates the text, segment by segment, into other
                languages, and into English if no model of the key translates recordings. Defaults
                to ``auto``.
            prompt: Context for all recordings, in English.
            response_format: Format of all responses; see `transcribe`.
            temperature: Sampling temperature, 0 to 1. Defaults to the service's 0.
            piece_seconds: Target length of pieces in seconds; see `transcribe`.
            upload_format: Encoding of uploads; see `transcribe`. Defaults to ``auto``.
            track: Audio track of each recording; see `transcribe`. Defaults to ``default``.
            speakers: How speakers are told apart; see `transcribe`, as for the next two.
            speaker_names: Name for each channel or track.
            channels: Indexes of the channels.
            pauses: Whether long pauses are sent; see `transcribe`. Defaults to ``keep``.
            quality: Treatment of doubtful segments; see `transcribe`. Defaults to ``keep``.
            max_cost: Dollars that all recordings may cost; see `transcribe_many`.
            max_audio_seconds: Seconds of audio that may be sent; see `transcribe_many`.

        Raises:
            ApertisError: If a recording fails; see `transcribe_many`.
        """
        options = TranscriptionOptions(
            task="translate",
            to=to,
            model=model,
            chat_model=chat_model,
            prompt=prompt,
            response_format=response_format,
            temperature=temperature,
            piece_seconds=piece_seconds,
            upload_format=upload_format,
            track=track,
            speakers=speakers,
            speaker_names=speaker_names,
            channels=channels,
            pauses=pauses,
            quality=quality,
        )
        return self.transcribe_many_with(
            sources,
            options,
            Account(Limits(max_cost, max_audio_seconds)),
            in_order=in_order,
            on_error=on_error,
            progress=progress,
        )

    def atranslate_many(
        self,
        sources: Sources,
        *,
        in_order: bool = True,
        on_error: OnError = "raise",
        progress: bool | ProgressCallback = False,
        to: str = "en",
        model: str = AUTO,
        chat_model: str = AUTO,
        prompt: str | None = None,
        response_format: TranscriptFormat | None = None,
        temperature: float | None = None,
        piece_seconds: float | None = None,
        upload_format: UploadFormat = "auto",
        track: TrackChoice = "default",
        speakers: Speakers | None = None,
        speaker_names: Sequence[str] | None = None,
        channels: Sequence[int] | None = None,
        pauses: Pauses = "keep",
        quality: Quality = "keep",
        max_cost: float | None = None,
        max_audio_seconds: float | None = None,
    ) -> AsyncGenerator[Outcome]:
        """Async version of `translate_many`."""
        options = TranscriptionOptions(
            task="translate",
            to=to,
            model=model,
            chat_model=chat_model,
            prompt=prompt,
            response_format=response_format,
            temperature=temperature,
            piece_seconds=piece_seconds,
            upload_format=upload_format,
            track=track,
            speakers=speakers,
            speaker_names=speaker_names,
            channels=channels,
            pauses=pauses,
            quality=quality,
        )
        return self.atranscribe_many_with(
            sources,
            options,
            Account(Limits(max_cost, max_audio_seconds)),
            in_order=in_order,
            on_error=on_error,
            progress=progress,
        )

    def transcribe_many_with(
        self,
        sources: Sources,
        options: TranscriptionOptions,
        account: Account | None = None,
        *,
        in_order: bool = True,
        on_error: OnError = "raise",
        progress: bool | ProgressCallback = False,
    ) -> Generator[Outcome]:
        """Transcribe or translate many recordings, with options decided at run time.

        They are charged to the account too, whose limits they keep.
        """
        request = self._batch_request(
            sources, options, account, in_order=in_order, on_error=on_error, progress=progress
        )
        return self._runners.batches.run(request)

    def atranscribe_many_with(
        self,
        sources: Sources,
        options: TranscriptionOptions,
        account: Account | None = None,
        *,
        in_order: bool = True,
        on_error: OnError = "raise",
        progress: bool | ProgressCallback = False,
    ) -> AsyncGenerator[Outcome]:
        """Async version of `transcribe_many_with`."""
        request = self._batch_request(
            sources, options, account, in_order=in_order, on_error=on_error, progress=progress
        )
        return self._runners.batches.arun(request)

    def _batch_request(
        self,
        sources: Sources,
        options: TranscriptionOptions,
        account: Account | None,
        *,
        in_order: bool,
        on_error: OnError,
        progress: bool | ProgressCallback,
    ) -> BatchRequest:
        from apertis_audio_tools.pipeline.job_factory import JobFactory

        factory = JobFactory.create(options, self._context)
        reporter = ProgressReporter(progress)
        return BatchRequest(sources, factory, in_order, on_error, reporter, account or Account())
