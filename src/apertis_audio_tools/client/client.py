"""The client itself: its settings, its connections, and all its verbs."""

from collections.abc import Mapping
from typing import Any, Literal, NoReturn, Self

from pydantic import SecretStr

from apertis_audio_tools import api
from apertis_audio_tools.api import Call
from apertis_audio_tools.client import settings
from apertis_audio_tools.client.chat_verbs import ChatVerbs
from apertis_audio_tools.client.colours import awaiting, blocking
from apertis_audio_tools.client.speech_verbs import SpeechVerbs
from apertis_audio_tools.client.transcription_verbs import TranscriptionVerbs
from apertis_audio_tools.concurrency.permits import FairSemaphore
from apertis_audio_tools.errors import ConfigurationError
from apertis_audio_tools.models import MODELS, Capabilities, Model
from apertis_audio_tools.pipeline.batch_runner import BatchRunner
from apertis_audio_tools.pipeline.cache import CacheSetting, open_cache
from apertis_audio_tools.transport import Transport
from apertis_audio_tools.transport.retry import Clock, RateLimiter, RetryPolicy, SystemClock


class ApertisAudio(TranscriptionVerbs, SpeechVerbs, ChatVerbs):
    """The Apertis Audio API: each verb as ``verb()`` and, for asyncio, ``averb()``.

    One object serves many threads and any number of event loops. Use it as a context manager, or
    close it, to give its connections back; at the latest it does so when nobody holds it any more.
    What is awaited runs on asyncio, on uvloop too, and not on trio.

    Example:
        >>> from apertis_audio_tools import ApertisAudio
        >>> with ApertisAudio() as audio:
        ...     transcript = audio.transcribe("standup.ogg")
        >>> for passage in transcript.passages():
        ...     print(passage.timecode, passage.text)

    Args:
        api_key: Of a pay-as-you-go plan; without it, the variable ``APERTIS_API_KEY``.
        base_url: Without it, ``APERTIS_BASE_URL``, then the service's own.
        timeout: Seconds of silence after which an answer counts as lost.
        deadline: Seconds one request may take with everything: waits, retries, the whole answer,
            or, of a stream, its beginning. Of a recording each piece, and of a long text each part,
            is a request, so that a call may take longer.
        max_retries: Further attempts after the first, where they may help.
        max_wait: Seconds of waiting the service may ask for; more is raised at once, with
            ``retry_after`` set.
        max_concurrency: How many pieces of recordings are under way at once, over all recordings,
            threads and tasks that use this client.
        requests_per_minute: How many requests a model gets in any minute, retries and all; more
            wait here. The service allows a pay-as-you-go key 500 for each model (its rate-limit
            page). None leaves it to the service.
        cache: Keep transcripts on disk, so that nothing is paid for twice: True for the user's
            cache folder, a path for another, False for none. Without it, the variable
            ``APERTIS_AUDIO_CACHE`` (a folder, or 1), then none. It knows what was answered: the
            same recording several times at the same moment is sent as often.
        models: What each model can do; see `apertis_audio_tools.models`.
        clock: Where time comes from, for tests.

    Raises:
        ConfigurationError: No key, or a setting that cannot be.
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
        requests_per_minute: int | None = 500,
        cache: CacheSetting = None,
        models: Mapping[str, Model] = MODELS,
        clock: Clock | None = None,
    ) -> None:
        self._base_url = settings.resolve_base_url(base_url)
        self._cache = open_cache(cache)
        self._capabilities = Capabilities(models)
        self._drivers = BatchRunner(
            transport=Transport(
                self._base_url,
                settings.resolve_api_key(api_key),
                settings.require_positive("timeout", timeout),
            ),
            retry=RetryPolicy(
                settings.require_retries(max_retries),
                settings.require_positive("max_wait", max_wait),
                SystemClock() if clock is None else clock,
                rate_limiter=RateLimiter(settings.require_rate(requests_per_minute)),
            ),
            deadline=settings.require_positive("deadline", deadline),
            slots=FairSemaphore(settings.require_workers(max_concurrency)),
        )

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise ConfigurationError(
            "A client cannot be sent to another process, because connections cannot: give its "
            "settings instead of the client."
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self._base_url!r})"

    @property
    def base_url(self) -> str:
        """Whom it asks."""
        return self._base_url

    def gives_times(self, model: str, task: Literal["transcribe", "translate"]) -> bool:
        """Whether the model is known to say when each segment was said."""
        return self._capabilities.best_transcript_format(model, task) == "verbose_json"

    def _models(self) -> Call[tuple[str, ...]]:
        """The names of the models this key can use, audio and others.

        Raises:
            APIError: The service refused, could not be reached, or answered nonsense.
        """
        return api.model_list_call()

    models = blocking(_models)
    amodels = awaiting(_models)

    def close(self) -> None:
        """Give the connections back, for good.

        Those made in an event loop close with `aclose` in that loop, or when it ends.
        """
        self._drivers.transport.close()
        if self._cache:
            self._cache.close()

    async def aclose(self) -> None:
        """Give the connections back, those of the running event loop too."""
        self.close()
        await self._drivers.transport.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
