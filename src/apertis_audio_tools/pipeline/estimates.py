"""Estimates of jobs, made by the same plan of pieces as the jobs themselves."""

import contextlib
import math
from collections.abc import AsyncIterable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from apertis_audio_tools.api.expenses import expected_expense, greatest_expense, total_expense
from apertis_audio_tools.api.request import Request
from apertis_audio_tools.audio import Source, source_label
from apertis_audio_tools.errors import ApertisError, ConfigurationError
from apertis_audio_tools.models import Price
from apertis_audio_tools.pipeline.batch import BatchRequest
from apertis_audio_tools.pipeline.job_state import JobState, drop_traceback
from apertis_audio_tools.pipeline.worker_pool import run_in_thread_to_end

if TYPE_CHECKING:
    from apertis_audio_tools.pipeline.model_directory import ModelPlan
    from apertis_audio_tools.pipeline.recording_jobs import RecordingJob
    from apertis_audio_tools.pipeline.speech_job import SpeechJob

_BITS_PER_MEGABIT = 1_000_000
_SECONDS_PER_MINUTE = 60


@dataclass(frozen=True, slots=True)
class RecordingEstimate:
    """Requests, bytes and cost of the transcription of one recording, before it begins.

    Attributes:
        source: Name of the recording.
        duration: Seconds of the recording; 0 if it cannot be read.
        pieces: Number of pieces. A recording whose whole transcript is cached counts as one.
        cached_pieces: Number of pieces that need no request, because their transcripts are cached
            or they are too short to be sent.
        requests: Number of requests.
        seconds: Seconds of audio in the requests, with what pieces repeat of each other.
        size: Bytes of the requests.
        cost: Dollars; None if the price is not known.
        max_cost: Dollars that the requests reserve; see `Estimate`.
        max_audio_seconds: Seconds that the requests reserve; see `Estimate`.
        error: Reason why the recording cannot be transcribed, or None.
    """

    source: str
    duration: float = 0.0
    pieces: int = 0
    cached_pieces: int = 0
    requests: int = 0
    seconds: float = 0.0
    size: int = 0
    cost: float | None = None
    max_cost: float | None = None
    max_audio_seconds: float = 0.0
    error: ApertisError | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """Requests, bytes and cost of a run, before it begins, if no attempt has to be repeated.

    Attributes:
        model: Model.
        price: Price of the model with its source; None if it is not known.
        recordings: Estimate of each recording, in order; empty for a text.
        translates_text: True if a chat model translates the transcripts then. Its tokens are not
            known before, and its requests and its cost are not part of the estimate.
        requests: Number of requests.
        cached_pieces: Number of pieces that need no request.
        seconds: Seconds of audio in the requests.
        characters: Characters of text to be spoken.
        size: Bytes of the requests.
        cost: Dollars; None if the price is not known.
        max_cost: Dollars that the requests reserve, with a tenth of a second of padding for each:
            with this `max_cost`, the run finishes if no attempt has to be repeated.
        max_audio_seconds: Seconds that the requests reserve; likewise for `max_audio_seconds`.
        uplink_mbps: Megabits per second that the connection sends; None if that is not known.
    """

    model: str
    price: Price | None
    recordings: tuple[RecordingEstimate, ...] = ()
    translates_text: bool = False
    requests: int = 0
    cached_pieces: int = 0
    seconds: float = 0.0
    characters: int = 0
    size: int = 0
    cost: float | None = None
    max_cost: float | None = None
    max_audio_seconds: float = 0.0
    uplink_mbps: float | None = None

    @property
    def failures(self) -> tuple[RecordingEstimate, ...]:
        """Recordings that cannot be transcribed."""
        return tuple(each for each in self.recordings if each.error)

    @property
    def pieces(self) -> int:
        """Number of pieces, cached ones included."""
        return sum(each.pieces for each in self.recordings)

    @property
    def upload_minutes(self) -> float | None:
        """Minutes that the uploads take; None without `uplink_mbps`."""
        if self.uplink_mbps is None:
            return None
        return self.size * 8 / _BITS_PER_MEGABIT / self.uplink_mbps / _SECONDS_PER_MINUTE


@dataclass(frozen=True, slots=True)
class EstimateRequest:
    """Recordings whose run is estimated.

    Attributes:
        batch: Batch of the run.
        plan: Model of the run.
        price: Price of the model; None if it is not known.
        uplink_mbps: Megabits per second that the connection sends; None if that is not known.
    """

    batch: BatchRequest
    plan: "ModelPlan"
    price: Price | None
    uplink_mbps: float | None

    def estimate(self, source: Source) -> RecordingEstimate:
        """Return the estimate of one recording.

        Raises:
            ApertisError: If it cannot be transcribed, with ``on_error="raise"``.
        """
        estimate = _estimate_recording(self, source)
        if estimate.error and self.batch.on_error == "raise":
            raise estimate.error
        return estimate


def estimate_recordings(request: EstimateRequest) -> Estimate:
    """Return the estimate of a run; nothing is sent.

    Raises:
        ApertisError: If a recording cannot be transcribed, with ``on_error="raise"``.
        ConfigurationError: If the sources are an asynchronous iterable.
    """
    sources = request.batch.sources
    if not isinstance(sources, Iterable):
        raise ConfigurationError(
            "An asynchronous iterable of recordings needs the async verb, aestimate."
        )
    return _sum_up(request, [request.estimate(each) for each in sources])


async def aestimate_recordings(request: EstimateRequest) -> Estimate:
    """Async version of `estimate_recordings`. Threads read the recordings, one after the other."""
    recordings, sources = list[RecordingEstimate](), request.batch.sources
    if isinstance(sources, AsyncIterable):
        async for source in sources:
            recordings.append(await run_in_thread_to_end(request.estimate, source))
    else:
        for source in sources:
            recordings.append(await run_in_thread_to_end(request.estimate, source))
    return _sum_up(request, recordings)


def _estimate_recording(request: EstimateRequest, source: Source) -> RecordingEstimate:
    from apertis_audio_tools.pipeline.recording_jobs import open_job

    try:
        job = open_job(request.batch.factory, source)
    except ApertisError as error:
        drop_traceback(error)
        return RecordingEstimate(source_label(source), cost=0.0, max_cost=0.0, error=error)
    with job.recording:
        return _estimate_job(job, request)


def _estimate_job(job: "RecordingJob", request: EstimateRequest) -> RecordingEstimate:
    from apertis_audio_tools.pipeline.diarized_job import DiarizedJob

    state, requests, price = JobState(), list[Request](), request.price
    with state.catching_failure():
        if job.whole.factory.context.cache and job.whole.cached():
            return RecordingEstimate(
                job.recording.label,
                job.recording.duration,
                pieces=1,
                cached_pieces=1,
                cost=0.0,
                max_cost=0.0,
            )
        planned = job.whole if isinstance(job, DiarizedJob) else job  # a diarizer sends nothing
        sent = planned.source() if request.plan.translates_text else planned
        requests += _plan(sent, request.plan.model, state)
    expected = total_expense(expected_expense(each, price) for each in requests)
    greatest = total_expense(greatest_expense(each, price) for each in requests)
    return RecordingEstimate(
        job.recording.label,
        job.recording.duration,
        pieces=len(requests) + len(state.transcribed),
        cached_pieces=len(state.transcribed),
        requests=len(requests),
        seconds=expected.seconds,
        size=_total_size(requests),
        cost=expected.cost,
        max_cost=greatest.cost,
        max_audio_seconds=greatest.seconds,
        error=state.failure,
    )


def _plan(job: "RecordingJob", model: str, state: JobState) -> Iterator[Request]:
    """Yield the request of each piece that the job would send, and close the piece."""
    with contextlib.closing(job.requests(state)) as requests:
        for each in requests:
            with contextlib.closing(each.piece):
                yield each.call(model if each.need else None).request


def _sum_up(request: EstimateRequest, recordings: Sequence[RecordingEstimate]) -> Estimate:
    return Estimate(
        request.plan.model,
        request.price,
        tuple(recordings),
        translates_text=request.plan.translates_text,
        requests=sum(each.requests for each in recordings),
        cached_pieces=sum(each.cached_pieces for each in recordings),
        seconds=math.fsum(each.seconds for each in recordings),
        size=sum(each.size for each in recordings),
        cost=_sum_known([each.cost for each in recordings]),
        max_cost=_sum_known([each.max_cost for each in recordings]),
        max_audio_seconds=math.fsum(each.max_audio_seconds for each in recordings),
        uplink_mbps=request.uplink_mbps,
    )


def _sum_known(costs: Sequence[float | None]) -> float | None:
    """Return the sum, or None if one is not known."""
    return None if None in costs else math.fsum(cost for cost in costs if cost)


def estimate_speech(job: "SpeechJob", model: str, price: Price | None) -> Estimate:
    """Return the estimate of a spoken text."""
    cost = total_expense(expected_expense(each, price) for each in job.requests).cost
    return Estimate(
        model,
        price,
        requests=len(job.requests),
        characters=sum(each.characters for each in job.requests),
        size=_total_size(job.requests),
        cost=cost,
        max_cost=cost,
    )


def _total_size(requests: Iterable[Request]) -> int:
    return sum(each.body.size for each in requests if each.body)
