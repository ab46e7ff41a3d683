"""Verbs about cost: estimates before a run, and what was used after it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from apertis_audio_tools.api.options import SpeechOptions, TranscriptionOptions
from apertis_audio_tools.api.speakers import Speakers
from apertis_audio_tools.client.settings import require_positive
from apertis_audio_tools.errors import NotFoundError, UnsupportedError
from apertis_audio_tools.models import (
    AUTO,
    VOICE,
    Pauses,
    SpeechFormat,
    Task,
    TrackChoice,
    TranscriptFormat,
    UploadFormat,
    UsagePeriod,
)
from apertis_audio_tools.pipeline.batch import BatchRequest, OnError, Sources
from apertis_audio_tools.pipeline.estimates import (
    Estimate,
    EstimateRequest,
    aestimate_recordings,
    estimate_recordings,
    estimate_speech,
)
from apertis_audio_tools.pipeline.progress import ProgressReporter
from apertis_audio_tools.pipeline.worker_pool import run_in_thread
from apertis_audio_tools.results import Balance, TotalUsage

if TYPE_CHECKING:
    from apertis_audio_tools.pipeline.job_factory import JobContext
    from apertis_audio_tools.pipeline.ledger import ClientLedger
    from apertis_audio_tools.pipeline.model_directory import ModelDirectory
    from apertis_audio_tools.pipeline.request_runner import RequestRunner


class CostVerbs:
    """`estimate`, `estimate_speech` and `balance`, sync and async, and `total_usage`."""

    _context: "JobContext"
    _requests: "RequestRunner"
    _ledger: "ClientLedger"
    _models: "ModelDirectory"

    @property
    def total_usage(self) -> TotalUsage:
        """Usage of this client since it was made, over all threads and tasks.

        Requests under way count as what they cost at most. Copies of a client are the same client;
        a forked child goes on counting by itself.
        """
        return self._ledger.account.total

    def estimate(
        self,
        sources: Sources,
        *,
        task: Task = "transcribe",
        to: str = "en",
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
        speakers: Speakers | None = None,
        channels: Sequence[int] | None = None,
        pauses: Pauses = "keep",
        on_error: OnError = "skip",
        uplink_mbps: float | None = None,
    ) -> Estimate:
        """Return what `transcribe_many` or `translate_many` would send and cost; send no audio.

        Recordings are cut as they would be for the run, so that pieces, seconds and bytes are those
        of the run. What has to be re-encoded is decoded for that; of the rest, no more than the
        minute before each cut. Prices are asked of the service; if it has none, they are those of
        `MODELS`, with their source.

        Args:
            sources: Recordings; see `transcribe_many`.
            task: ``transcribe`` or ``translate``. Defaults to ``transcribe``.
            to: Language to translate into; see `translate`. Defaults to ``en``.
            model: Model; see `transcribe`, as for the options up to `pauses`.
            language: Language spoken.
            languages: Languages spoken.
            keywords: Terms to be recognised.
            prompt: Context.
            response_format: Format of the responses.
            temperature: Sampling temperature.
            piece_seconds: Target length of pieces in seconds.
            upload_format: Encoding of uploads. Defaults to ``auto``.
            track: Audio track. Defaults to ``default``.
            speakers: How speakers are told apart: channels and tracks are requests of their own.
            channels: Indexes of the channels.
            pauses: Whether long pauses are sent. Defaults to ``keep``.
            on_error: ``skip`` to report recordings that cannot be transcribed as
                `Estimate.failures`, or ``raise`` for the error of the first. Defaults to ``skip``.
            uplink_mbps: Megabits per second that the connection sends, for
                `Estimate.upload_minutes`.

        Raises:
            ConfigurationError: If an argument is invalid.
            UnsupportedError: If the service is known to refuse any recording.
        """
        options = TranscriptionOptions(
            task=task,
            to=to,
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
            speakers=speakers,
            channels=channels,
            pauses=pauses,
        )
        return self.estimate_with(
            sources,
            options,
            on_error=on_error,
            uplink_mbps=uplink_mbps,
        )

    async def aestimate(
        self,
        sources: Sources,
        *,
        task: Task = "transcribe",
        to: str = "en",
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
        speakers: Speakers | None = None,
        channels: Sequence[int] | None = None,
        pauses: Pauses = "keep",
        on_error: OnError = "skip",
        uplink_mbps: float | None = None,
    ) -> Estimate:
        """Async version of `estimate`."""
        options = TranscriptionOptions(
            task=task,
            to=to,
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
            speakers=speakers,
            channels=channels,
            pauses=pauses,
        )
        return await self.aestimate_with(
            sources,
            options,
            on_error=on_error,
            uplink_mbps=uplink_mbps,
        )

    def estimate_speech(
        self,
        text: str,
        *,
        voice: str = VOICE,
        model: str = AUTO,
        response_format: SpeechFormat = "mp3",
        speed: float | None = None,
        instructions: str | None = None,
    ) -> Estimate:
        """Return what `speak` would send and cost, by the characters of the text.

        Args:
            text: Text; see `speak`, also for the other arguments.
            voice: Voice.
            model: Speech model.
            response_format: Audio format. Defaults to ``mp3``.
            speed: Speed.
            instructions: Tone, accent and pace.

        Raises:
            UnsupportedError: If the service is known to refuse it.
        """
        from apertis_audio_tools.api.speech import check_speech

        options = SpeechOptions(
            voice=voice,
            model=model,
            response_format=response_format,
            speed=speed,
            instructions=instructions,
        )
        check_speech(text, options)
        model = self._models.choose(options.need) if options.model == AUTO else options.model
        self._ledger.prices.load()
        return self._estimate_speech(text, options, model)

    async def aestimate_speech(
        self,
        text: str,
        *,
        voice: str = VOICE,
        model: str = AUTO,
        response_format: SpeechFormat = "mp3",
        speed: float | None = None,
        instructions: str | None = None,
    ) -> Estimate:
        """Async version of `estimate_speech`."""
        from apertis_audio_tools.api.speech import check_speech

        options = SpeechOptions(
            voice=voice,
            model=model,
            response_format=response_format,
            speed=speed,
            instructions=instructions,
        )
        check_speech(text, options)
        is_auto = options.model == AUTO
        model = await self._models.achoose(options.need) if is_auto else options.model
        await self._ledger.prices.aload()
        return await run_in_thread(self._estimate_speech, text, options, model)

    def balance(self, period: UsagePeriod | None = None) -> Balance:
        """Return the quota of the key: dollars, requests and tokens.

        Args:
            period: ``today``, ``week`` or ``month``, to which `Balance.used` and the counts refer.
                Defaults to the service's own.

        Raises:
            UnsupportedError: If the service does not tell.
            APIError: If the service refused, could not be reached, or sent a malformed response.
        """
        from apertis_audio_tools.api.token_usage import token_usage_call

        try:
            return self._requests.run(token_usage_call(period))
        except NotFoundError as error:
            raise _no_balance_error(error) from error

    async def abalance(self, period: UsagePeriod | None = None) -> Balance:
        """Async version of `balance`."""
        from apertis_audio_tools.api.token_usage import token_usage_call

        try:
            return await self._requests.arun(token_usage_call(period))
        except NotFoundError as error:
            raise _no_balance_error(error) from error

    def estimate_with(
        self,
        sources: Sources,
        options: TranscriptionOptions,
        *,
        on_error: OnError = "skip",
        uplink_mbps: float | None = None,
    ) -> Estimate:
        """Estimate a run, with options decided at run time."""
        batch = self._estimated_batch(sources, options, on_error, uplink_mbps)
        plan = self._models.plan(options)
        self._ledger.prices.load()
        price = self._ledger.prices.find(plan.model)
        return estimate_recordings(EstimateRequest(batch, plan, price, uplink_mbps))

    async def aestimate_with(
        self,
        sources: Sources,
        options: TranscriptionOptions,
        *,
        on_error: OnError = "skip",
        uplink_mbps: float | None = None,
    ) -> Estimate:
        """Async version of `estimate_with`."""
        batch = self._estimated_batch(sources, options, on_error, uplink_mbps)
        plan = await self._models.aplan(options)
        await self._ledger.prices.aload()
        price = self._ledger.prices.find(plan.model)
        return await aestimate_recordings(EstimateRequest(batch, plan, price, uplink_mbps))

    def _estimated_batch(
        self,
        sources: Sources,
        options: TranscriptionOptions,
        on_error: OnError,
        uplink_mbps: float | None,
    ) -> BatchRequest:
        from apertis_audio_tools.pipeline.job_factory import JobFactory

        if uplink_mbps is not None:
            require_positive("uplink_mbps", uplink_mbps, "megabits per second")
        factory = JobFactory.create(options, self._context)
        return BatchRequest(
            sources,
            factory,
            in_order=True,
            on_error=on_error,
            reporter=ProgressReporter(progress=False),
        )

    def _estimate_speech(self, text: str, options: SpeechOptions, model: str) -> Estimate:
        from apertis_audio_tools.api.speech import use_model
        from apertis_audio_tools.pipeline.speech_job import SpeechJob

        capabilities = self._context.capabilities
        if options.model == AUTO:
            options = use_model(options, model, capabilities)
        job = SpeechJob.create(text, options, capabilities)
        return estimate_speech(job, model, self._ledger.prices.find(model))


def _no_balance_error(error: NotFoundError) -> UnsupportedError:
    return UnsupportedError(
        "The service at this base URL does not tell the balance of a key (404): look at its "
        "dashboard.",
        status=error.status,
        request_id=error.request_id,
    )
