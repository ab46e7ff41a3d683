"""Verbs that turn recordings into text."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from apertis_audio_tools.api.options import TimestampGranularity, TranscriptionOptions
from apertis_audio_tools.api.speakers import Speakers
from apertis_audio_tools.audio import Source
from apertis_audio_tools.models import (
    AUTO,
    Pauses,
    Quality,
    TrackChoice,
    TranscriptFormat,
    UploadFormat,
)
from apertis_audio_tools.pipeline.accounts import Account, Limits
from apertis_audio_tools.pipeline.job_state import JobState
from apertis_audio_tools.pipeline.worker_pool import run_in_thread
from apertis_audio_tools.results import Transcript

if TYPE_CHECKING:
    from apertis_audio_tools.client.runners import Runners
    from apertis_audio_tools.pipeline.job_factory import JobContext
    from apertis_audio_tools.pipeline.recording_jobs import RecordingJob


class TranscriptionVerbs:
    """`transcribe` and `translate`, sync and async."""

    _context: "JobContext"

    _runners: "Runners"

    def transcribe(
        self,
        source: Source,
        *,
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
    ) -> Transcript:
        """Transcribe a recording of any length in the language spoken.

        A recording that is too long or too large for one request is cut at pauses, sent in pieces,
        several at a time, and stitched together; times are those of the recording.

        Args:
            source: Path, bytes, binary file object (read from its current position), or
                (name, content), in any format FFmpeg reads.
            model: Transcription model. Defaults to ``auto``, the best one the key has for the
                language, with times if the format is open.
            language: ISO 639-1 code of the language spoken, such as ``zh``; helps accuracy.
            languages: ISO 639-1 codes of the languages spoken, in place of `language`, for models
                that accept several.
            keywords: Names and terms that are spoken, each in one line without ``<`` and ``>``;
                for models that have no keywords they are added to the prompt.
            prompt: Context, or the spelling of names and terms.
            response_format: Format of the response. Defaults to ``verbose_json`` for models that
                have it, because it carries times, else ``json``.
            temperature: Sampling temperature, 0 to 1. Defaults to the service's 0.
            piece_seconds: Target length of pieces in seconds. Defaults to three to five minutes
                after shorter first ones, for recordings of more than 15 minutes or 25 MB.
            upload_format: ``mp3`` or ``opus`` to re-encode at 16 kHz mono for a slow line,
                ``original`` to send the recording's own encoding wherever the service accepts it.
                Defaults to ``auto``, which is ``original``, but uncompressed recordings of a
                megabyte or more travel as FLAC, without loss.
            track: Audio track of a recording with several: its index among them, counted from 0,
                or ``all`` to mix them. Defaults to ``default``, the track a player would play,
                unless that is silent and another is not.
            timestamp_granularities: ``["word"]`` for the times of words as well, which are in
                `Transcript.words`. Defaults to those of segments; with `speakers`, to both if the
                model has them.
            speakers: ``channels`` or ``tracks`` if each of them holds one speaker: they are
                transcribed one by one and joined on one time line. A `Diarizer` tells speakers of
                one signal apart. Defaults to the speakers that the service names, if it does.
            speaker_names: Name for each channel or track. Defaults to ``Speaker 1`` and so on.
            channels: Indexes of the channels to transcribe, from 0 on. Defaults to all of up to 8.
            pauses: ``shorten`` to send no pauses of more than a second, so that only speech is paid
                for; times stay those of the recording. Very soft speech may be taken for a pause.
                Defaults to ``keep``.
            quality: ``mark`` to give each segment that perhaps nobody said a reason in
                `Segment.doubtful`, by a voice detector (extra ``vad``), the numbers of the model
                and repetitions; ``drop`` to leave those out, with a note. Defaults to ``keep``.
            max_cost: Dollars that this may cost. Defaults to no limit but that of the client.
            max_audio_seconds: Seconds of audio that may be sent, repeated ones included. Defaults
                to no limit but that of the client.

        Raises:
            BudgetExceededError: If a limit leaves less than the next piece may cost; ``partial``
                has the transcript of the pieces that were finished.
            ConfigurationError: If `max_cost` cannot be kept, because the price is not known.
            RecordingError: If the source is missing, empty or no audio.
            UnsupportedError: If the service is known to refuse it, or if it has no channels or
                tracks that tell speakers apart; nothing was sent.
            APIError: If the service refused, could not be reached, or sent a malformed response;
                ``partial`` has the transcript of the pieces that were finished.
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
        return self.transcribe_with(source, options, Account(Limits(max_cost, max_audio_seconds)))

    async def atranscribe(
        self,
        source: Source,
        *,
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
    ) -> Transcript:
        """Async version of `transcribe`."""
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
        account = Account(Limits(max_cost, max_audio_seconds))
        return await self.atranscribe_with(source, options, account)

    def translate(
        self,
        source: Source,
        *,
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
    ) -> Transcript:
        """Translate a recording of any length, into English unless `to` says otherwise.

        Args:
            source: Recording; see `transcribe`.
            to: ISO 639-1 code of the language to translate into. Defaults to ``en``.
            model: Whisper model; no other translates recordings. Defaults to ``auto``.
            chat_model: Chat model that translates the text, segment by segment, into other
                languages, and into English if no model of the key translates recordings. Defaults
                to ``auto``.
            prompt: Context, in English.
            response_format: Format of the response; see `transcribe`.
            temperature: Sampling temperature, 0 to 1. Defaults to the service's 0.
            piece_seconds: Target length of pieces in seconds; see `transcribe`.
            upload_format: Encoding of uploads; see `transcribe`. Defaults to ``auto``.
            track: Audio track; see `transcribe`. Defaults to ``default``.
            speakers: How speakers are told apart; see `transcribe`, as for the next two.
            speaker_names: Name for each channel or track.
            channels: Indexes of the channels.
            pauses: Whether long pauses are sent; see `transcribe`. Defaults to ``keep``.
            quality: Treatment of doubtful segments; see `transcribe`. Defaults to ``keep``.
            max_cost: Dollars that this may cost; see `transcribe`.
            max_audio_seconds: Seconds of audio that may be sent; see `transcribe`.

        Raises:
            BudgetExceededError: If a limit leaves too little; see `transcribe`.
            RecordingError: If the source is missing, empty or no audio.
            UnsupportedError: If the service is known to refuse it; nothing was sent.
            APIError: If the service failed; see `transcribe`.
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
        return self.transcribe_with(source, options, Account(Limits(max_cost, max_audio_seconds)))

    async def atranslate(
        self,
        source: Source,
        *,
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
    ) -> Transcript:
        """Async version of `translate`."""
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
        account = Account(Limits(max_cost, max_audio_seconds))
        return await self.atranscribe_with(source, options, account)

    def transcribe_with(
        self, source: Source, options: TranscriptionOptions, account: Account | None = None
    ) -> Transcript:
        """Transcribe or translate one recording, with options decided at run time.

        It is charged to the account too, whose limits it keeps.
        """
        job = self._open_job(source, options)
        return self._runners.transcriptions.run(job, JobState(account=account))

    async def atranscribe_with(
        self, source: Source, options: TranscriptionOptions, account: Account | None = None
    ) -> Transcript:
        """Async version of `transcribe_with`."""
        job = await run_in_thread(self._open_job, source, options)
        return await self._runners.transcriptions.arun(job, JobState(account=account))

    def cached_transcript_with(
        self, source: Source, options: TranscriptionOptions
    ) -> Transcript | None:
        """Return the transcript of a recording if the cache has all of it; nothing is sent.

        Args:
            source: Recording; see `transcribe`.
            options: Options with which it was transcribed or translated.

        Raises:
            RecordingError: If the source is missing, empty or no audio.
        """
        if self._context.cache is None:
            return None
        return self._runners.transcriptions.find_cached(self._open_job(source, options))

    def _open_job(
        self, source: Source, options: TranscriptionOptions
    ) -> "RecordingJob | Transcript":
        """Check the options, then open the recording, or return its transcript from the cache."""
        from apertis_audio_tools.pipeline.job_factory import JobFactory

        factory = JobFactory.create(options, self._context)
        return self._runners.transcriptions.open(factory, source)
