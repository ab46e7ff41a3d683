"""The models that the key of a client can use: asked for once, and kept."""

import asyncio
import contextlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import get_args

from apertis_audio_tools.api.model_choice import ModelChooser, is_about_model
from apertis_audio_tools.api.model_lifecycle import ModelLifecycles
from apertis_audio_tools.api.model_list import ListedModel, model_list_call
from apertis_audio_tools.api.options import ModelNeed, TranscriptionOptions
from apertis_audio_tools.api.request import Request
from apertis_audio_tools.concurrency.fork_safety import ForkSafeLock, ProcessLocal
from apertis_audio_tools.errors import (
    ApertisError,
    APIStatusError,
    AuthenticationError,
    InvalidRequestError,
    ModelRetirementWarning,
    NotFoundError,
)
from apertis_audio_tools.models import AUTO, Model, Task
from apertis_audio_tools.pipeline.request_runner import RequestRunner, is_refusal
from apertis_audio_tools.pipeline.worker_pool import run_in_thread

logger: logging.Logger = logging.getLogger("apertis_audio_tools")

_ASK_AGAIN_SECONDS = 300.0
"""Seconds after which a list that failed, but was not refused, is asked for again."""

Listed = tuple[ListedModel, ...] | None

_warned_of: set[str] = set()
"""Models whose end this process was warned of."""


@dataclass(slots=True)
class _Answer:
    """The list of models, or the request for it that is under way.

    Attributes:
        future: The list; None in it if it failed.
        is_async: True if a task of an event loop waits for the response.
        until: Time by the clock at which the answer is no longer used.
    """

    future: Future[Listed] | None = None
    is_async: bool = False
    until: float = float("inf")


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """The model of a transcription or translation.

    Attributes:
        model: Model that recordings are sent to.
        translates_text: True if a chat model translates the transcript then.
    """

    model: str
    translates_text: bool


class ModelDirectory:
    """The models that a key can use, and what is known of them.

    The list is asked for when it is first needed, and once: threads and tasks that need it at the
    same time wait for one request. A list that fails hides nothing; it is as if there was none,
    unless the key is refused.

    Args:
        requests: Runner of the request, which is not retried.
        table: Known models.
    """

    def __init__(self, requests: RequestRunner, table: Mapping[str, Model]) -> None:
        self._requests = requests.for_facts()
        self._table = table
        self._clock = requests.retry.clock
        self._answer = ProcessLocal(_Answer)
        self._lock = ForkSafeLock()
        self._has_translations = True
        self._told = set[tuple[str, str]]()

    def lifecycles(self) -> ModelLifecycles:
        """Return the models of the key and their ends."""
        future, is_mine = self._claim(is_async=False)
        if is_mine:
            with self._settling(future):
                future.set_result(self._requests.run(model_list_call()))
        return ModelLifecycles(future.result(), self._table)

    async def alifecycles(self) -> ModelLifecycles:
        """Async version of `lifecycles`."""
        future, is_mine = self._claim(is_async=True)
        if is_mine:
            with self._settling(future):
                future.set_result(await self._requests.arun(model_list_call()))
        listed: Listed = await asyncio.shield(asyncio.wrap_future(future))
        return ModelLifecycles(listed, self._table)

    def choose(self, need: ModelNeed) -> str:
        """Return the best model of the key for what is asked; each choice is logged once.

        Raises:
            AuthenticationError: If the key is refused.
            NotFoundError: If the key has no model that is known to do it.
        """
        return self._choose(need, self.lifecycles())

    async def achoose(self, need: ModelNeed) -> str:
        """Async version of `choose`."""
        return self._choose(need, await self.alifecycles())

    def plan(self, options: TranscriptionOptions) -> ModelPlan:
        """Return the model that transcribes or translates recordings with these options.

        Raises:
            NotFoundError: If the key has no model that is known to do it.
        """
        if options.model != AUTO:
            return ModelPlan(options.model, translates_text=options.translates_text)
        is_text = options.translates_text or (
            options.task == "translate" and not self.translates(options.need)
        )
        need = options.as_transcription().need if is_text else options.need
        return ModelPlan(self.choose(need), translates_text=is_text)

    async def aplan(self, options: TranscriptionOptions) -> ModelPlan:
        """Async version of `plan`."""
        if options.model == AUTO:
            await self.alifecycles()  # so that the thread need not ask
        return await run_in_thread(self.plan, options)

    def translates(self, need: ModelNeed) -> bool:
        """Return False if no model of the key is known to translate recordings."""
        return self._has_translations and self._is_possible(need, self.lifecycles())

    async def atranslates(self, need: ModelNeed) -> bool:
        """Async version of `translates`."""
        return self._has_translations and self._is_possible(need, await self.alifecycles())

    def note_lack_of_translations(self) -> None:
        """Remember that the service has no endpoint for translations any more."""
        logger.info("The endpoint for translations is gone: a chat model translates the text.")
        self._has_translations = False

    def _is_possible(self, need: ModelNeed, lifecycles: ModelLifecycles) -> bool:
        try:
            ModelChooser(lifecycles, self._clock.today()).choose(need)
        except NotFoundError:
            return False
        return True

    def _choose(self, need: ModelNeed, lifecycles: ModelLifecycles) -> str:
        model = ModelChooser(lifecycles, self._clock.today()).choose(need)
        if (str(need), model) not in self._told:
            self._told.add((str(need), model))
            logger.info("%s was chosen to %s, because the model is auto.", model, need)
        return model

    def warn(self, request: Request) -> None:
        """Warn once per process of the end of the model that a request is for.

        The end is that in the table, or in the key's own list if that was asked for already.
        """
        model, today = request.model, self._clock.today()
        if model is None or model in _warned_of:
            return
        answer = self._answer.value.future
        known = answer.result() if answer and answer.done() else None
        lifecycles = ModelLifecycles(known, self._table)
        if lifecycles.is_ending(model, today):
            _warned_of.add(model)
            end = lifecycles.describe_end(model, today)
            warnings.warn(f"{end} See docs/models.md.", ModelRetirementWarning, stacklevel=2)

    def advise(self, error: APIStatusError, request: Request) -> None:
        """Add what the key can use instead to an error about a model or a response format."""
        if is_about_model(error) and request.need:
            with contextlib.suppress(AuthenticationError):
                self._add_advice(error, request, self.lifecycles())

    async def aadvise(self, error: APIStatusError, request: Request) -> None:
        """Async version of `advise`."""
        if is_about_model(error) and request.need:
            with contextlib.suppress(AuthenticationError):
                self._add_advice(error, request, await self.alifecycles())

    def _add_advice(
        self, error: APIStatusError, request: Request, lifecycles: ModelLifecycles
    ) -> None:
        chooser = ModelChooser(lifecycles, self._clock.today())
        if request.model and request.need:
            advice = chooser.explain(request.model, request.need)
            is_text = request.need.operation in get_args(Task)
            is_format = is_text and isinstance(error, InvalidRequestError)
            sentences = [error.message, advice, "Or request json." if is_format else ""]
            error.args = (" ".join(filter(None, sentences)),)

    def _claim(self, *, is_async: bool) -> tuple[Future[Listed], bool]:
        """Return the future of the list, and whether the caller has to settle it.

        A thread does not wait for a task: it may block the event loop that the task needs.
        """
        with self._lock:
            answer = self._answer.value
            if answer.future and self._clock.monotonic() < answer.until:
                is_deadlock = answer.is_async and not is_async and not answer.future.done()
                if not is_deadlock:
                    return answer.future, False
            answer.future, answer.is_async, answer.until = Future(), is_async, float("inf")
            return answer.future, True

    @contextlib.contextmanager
    def _settling(self, future: Future[Listed]) -> Iterator[None]:
        """Settle the future with None if the list fails, and forget it if it is interrupted.

        Only a refusal of the key is raised: nothing else would be accepted either.
        """
        try:
            yield
        except AuthenticationError:
            future.set_result(None)
            raise
        except ApertisError as error:
            logger.debug("The list of models could not be read: %s", error)
            if not is_refusal(error):
                self._answer.value.until = self._clock.monotonic() + _ASK_AGAIN_SECONDS
            future.set_result(None)
        except BaseException:
            self._answer.value.until = float("-inf")
            future.set_result(None)
            raise
