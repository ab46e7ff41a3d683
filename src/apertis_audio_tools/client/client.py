"""The client: its settings, its connections and all its verbs."""

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn, Self

from pydantic import SecretStr

from apertis_audio_tools.api.options import TranscriptionOptions
from apertis_audio_tools.client import settings
from apertis_audio_tools.client.batch_verbs import BatchVerbs
from apertis_audio_tools.client.chat_verbs import ChatVerbs
from apertis_audio_tools.client.cost_verbs import CostVerbs
from apertis_audio_tools.client.speech_verbs import SpeechVerbs
from apertis_audio_tools.client.transcription_verbs import TranscriptionVerbs
from apertis_audio_tools.concurrency.permits import FairSemaphore
from apertis_audio_tools.errors import APIError, ConfigurationError
from apertis_audio_tools.models import MODELS, Capabilities, Model, Task
from apertis_audio_tools.pipeline.accounts import Account, Limits
from apertis_audio_tools.pipeline.cache import CacheSetting, open_cache
from apertis_audio_tools.pipeline.shared_limits import SharedLimits
from apertis_audio_tools.results import ModelStatus
from apertis_audio_tools.transport.connection_options import ConnectionOptions, Verify
from apertis_audio_tools.transport.retry import (
    Clock,
    Cooldown,
    RateLimiter,
    RetryPolicy,
    SystemClock,
)

if TYPE_CHECKING:
    from apertis_audio_tools.api.catalogue import CatalogueModel
    from apertis_audio_tools.api.model_list import ListedModel


class ApertisAudio(TranscriptionVerbs, BatchVerbs, SpeechVerbs, ChatVerbs, CostVerbs):
    """Client of the Apertis Audio API: each verb as ``verb()`` and, for asyncio, ``averb()``.

    One client serves many threads and any number of event loops. Use it as a context manager, or
    close it, to release its connections; at the latest they are released when nothing refers to
    the client any more. The async verbs run on asyncio and uvloop, not on trio.

    Examples:
        >>> from apertis_audio_tools import ApertisAudio
        >>> with ApertisAudio() as audio:
        ...     transcript = audio.transcribe("standup.ogg")
        >>> for passage in transcript.passages():
        ...     print(passage.timecode, passage.text)

    Args:
        api_key: API key of a pay-as-you-go plan. Defaults to the ``APERTIS_API_KEY`` environment
            variable.
        base_url: Base URL of the API. Defaults to ``APERTIS_BASE_URL``, then to the service's own.
        timeout: Seconds without a byte after which a response counts as lost; comments and empty
            events in a streamed reply do not count.
        deadline: Seconds one request may take with all waits and retries and the whole response.
            For a stream, the waits for the service are added up; the time between two items that
            you need yourself does not count. Each piece of a recording and each part of a long
            text is a request of its own, so that a call may take longer.
        max_retries: Number of further attempts after the first, where they may help.
        max_wait: Longest wait in seconds that the service may ask for; a longer one is raised at
            once, with ``retry_after`` set.
        max_concurrency: Number of pieces under way at once, over all recordings, threads and
            tasks that use this client.
        requests_per_minute: Number of requests to a model in any minute, retries included; further
            ones wait. The service allows a pay-as-you-go key 500 for each model (its rate-limit
            page). None leaves the limit to the service.
        cache: True to keep transcripts in the user's cache folder, so that nothing is paid for
            twice; a path for another folder; a URL of fsspec, such as ``s3://bucket/transcripts``,
            for a folder that machines share; False for no cache. Defaults to the environment
            variable ``APERTIS_AUDIO_CACHE`` (a folder, a URL, or 1), then to no cache. The cache
            holds finished transcripts: a recording sent several times at the same moment is paid
            for as often.
        isolate_probe: Whether each recording is first opened in a child process with limits on its
            memory and its time: for recordings of strangers. It takes a quarter of a second, and
            is done only on Linux.
        default_headers: Further headers of every request, such as those a gateway asks for; not
            ``Authorization``, ``Host`` and others that the client sets itself.
        user_agent: User-Agent of every request, for a service that asks for one. Defaults to that
            of httpx.
        proxy: URL of an HTTP or SOCKS proxy. Defaults to the proxy of the environment.
        verify: False to accept any certificate, a file with authorities, or an `ssl.SSLContext`.
            Defaults to True: the certificate must be of a usual authority.
        models: Capabilities and price of each model; see `apertis_audio_tools.models`.
        max_cost: Dollars that all requests of this client may cost together, repeated ones
            included. A request reserves the most it can cost before it is sent, and is not sent if
            that is more than what is left. Requests whose cost cannot be known before, such as
            chats, are refused. Defaults to None, for no limit.
        max_audio_seconds: Seconds of audio that may be sent to be transcribed or translated.
            Defaults to None, for no limit.
        clock: Source of time, for tests.
        limits: Limits shared with other processes, in place of `max_concurrency` and
            `requests_per_minute`; see `apertis_audio_tools.ray`. Defaults to None.

    Raises:
        ConfigurationError: If there is no key, or a setting is invalid.
    """

    def __init__(
        self,
        api_key: str | SecretStr | None = None,
        *,
        base_url: str | None = None,
        timeout: float = 600.0,
        deadline: float = 1800.0,
        max_retries: int = 5,
        max_wait: float = 190.0,
        max_concurrency: int = 8,
        requests_per_minute: int | None = settings.REQUESTS_PER_MINUTE,
        cache: CacheSetting = None,
        isolate_probe: bool = False,
        default_headers: Mapping[str, str] | None = None,
        user_agent: str | None = None,
        proxy: str | None = None,
        verify: Verify = True,
        models: Mapping[str, Model] = MODELS,
        max_cost: float | None = None,
        max_audio_seconds: float | None = None,
        clock: Clock | None = None,
        limits: SharedLimits | None = None,
    ) -> None:
        api_key = settings.as_secret(api_key)  # first, so that no variable shows it
        # These bring httpx, which adapters do not need before they make a client.
        from apertis_audio_tools.client.runners import Runners
        from apertis_audio_tools.pipeline.job_factory import JobContext
        from apertis_audio_tools.pipeline.ledger import ClientLedger, PriceList
        from apertis_audio_tools.pipeline.model_directory import ModelDirectory
        from apertis_audio_tools.pipeline.request_runner import RequestRunner
        from apertis_audio_tools.transport.http import Transport

        self._base_url = settings.resolve_base_url(base_url)
        self._cache = open_cache(cache)
        self._context = JobContext(
            Capabilities(models), self._cache, self._base_url, isolate_probe=isolate_probe
        )
        self._transport = Transport(
            self._base_url,
            settings.resolve_api_key(api_key),
            settings.require_positive("timeout", timeout),
            ConnectionOptions(
                settings.with_user_agent(default_headers or {}, user_agent), proxy, verify
            ),
        )
        limits = limits or _own_limits(max_concurrency, requests_per_minute)
        retry = RetryPolicy(
            settings.require_whole("max_retries", max_retries, minimum=0),
            settings.require_positive("max_wait", max_wait),
            SystemClock() if clock is None else clock,
            limits.cooldown,
            limits.rate_limiter,
        )
        deadline, permits = settings.require_positive("deadline", deadline), limits.permits
        requests = RequestRunner(self._transport, retry, deadline)
        self._models = ModelDirectory(requests, models)
        prices = PriceList(requests, self._base_url, models)
        self._ledger = ClientLedger(Account(Limits(max_cost, max_audio_seconds)), prices)
        self._requests = replace(requests, models=self._models, ledger=self._ledger)
        self._runners = Runners(self._requests, permits, self._models)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise ConfigurationError(
            "A client cannot be sent to another process, because connections cannot: pass its "
            "settings instead of the client."
        )

    def __repr__(self) -> str:
        # Tracebacks show it before `__init__` has set the URL, if a setting is invalid.
        return f"{type(self).__name__}(base_url={getattr(self, '_base_url', None)!r})"

    @property
    def base_url(self) -> str:
        """Base URL the requests are sent to."""
        return self._base_url

    def choose_model(self, options: TranscriptionOptions) -> str:
        """Return the model that transcribes; ``auto`` becomes the best one the key has.

        Raises:
            NotFoundError: If the key has none.
        """
        return self._models.plan(options).model

    def gives_times(self, model: str, task: Task) -> bool:
        """Return whether the model is known to return the times of segments."""
        best = self._context.capabilities.best_transcript_format(model, task)
        return best == "verbose_json"

    def models(self) -> tuple[str, ...]:
        """Return the names of the models that the key can use, audio models and others.

        Raises:
            APIError: If the service refused, could not be reached, or sent a malformed response.
        """
        from apertis_audio_tools.api.model_list import model_list_call

        return tuple(each.name for each in self._requests.run(model_list_call()))

    async def amodels(self) -> tuple[str, ...]:
        """Async version of `models`."""
        from apertis_audio_tools.api.model_list import model_list_call

        return tuple(each.name for each in await self._requests.arun(model_list_call()))

    def check_models(self) -> tuple[ModelStatus, ...]:
        """Return when the models of the key, and the defaults, end, and what takes their place.

        The facts are those of the key's own list, of the catalogue of the service, if it has one,
        and of `apertis_audio_tools.models`.

        Raises:
            APIError: If the service refused the list of models, could not be reached, or sent a
                malformed response.
        """
        from apertis_audio_tools.api.catalogue import catalogue_call
        from apertis_audio_tools.api.model_list import model_list_call

        listed = self._requests.run(model_list_call())
        catalogue: tuple[CatalogueModel, ...] = ()
        with contextlib.suppress(APIError):  # a gateway need not have a catalogue
            catalogue = self._requests.run(catalogue_call(self._base_url))
        return self._statuses(listed, catalogue)

    async def acheck_models(self) -> tuple[ModelStatus, ...]:
        """Async version of `check_models`."""
        from apertis_audio_tools.api.catalogue import catalogue_call
        from apertis_audio_tools.api.model_list import model_list_call

        listed = await self._requests.arun(model_list_call())
        catalogue: tuple[CatalogueModel, ...] = ()
        with contextlib.suppress(APIError):
            catalogue = await self._requests.arun(catalogue_call(self._base_url))
        return self._statuses(listed, catalogue)

    def _statuses(
        self, listed: "Sequence[ListedModel]", catalogue: "Iterable[CatalogueModel]"
    ) -> tuple[ModelStatus, ...]:
        from apertis_audio_tools.api.model_choice import ModelChooser
        from apertis_audio_tools.api.model_lifecycle import ModelLifecycles, check_models

        deprecated = frozenset(each.name for each in catalogue if each.is_deprecated)
        lifecycles = ModelLifecycles(listed, self._context.capabilities.models)
        today = self._requests.retry.clock.today()
        return check_models(lifecycles, deprecated, ModelChooser(lifecycles, today).defaults())

    def close(self) -> None:
        """Release the connections, for good.

        Those made in an event loop close with `aclose` in that loop, or when it ends.
        """
        self._transport.close()
        if self._cache:
            self._cache.close()

    async def aclose(self) -> None:
        """Release the connections, those of the running event loop too."""
        self.close()
        await self._transport.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _own_limits(max_concurrency: int, requests_per_minute: int | None) -> SharedLimits:
    """Return the limits of a client that shares them with no other.

    Raises:
        ConfigurationError: If one is invalid.
    """
    size = settings.require_whole("max_concurrency", max_concurrency, minimum=1)
    rate = RateLimiter(settings.require_rate(requests_per_minute))
    return SharedLimits(FairSemaphore(size), Cooldown(), rate)
