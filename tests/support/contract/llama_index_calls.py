"""Calls of models and agents of LlamaIndex, and handlers that record their instrumentation."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from llama_index.core.agent.workflow import AgentOutput
from llama_index.core.base.llms.types import AudioBlock, ChatMessage, TextBlock
from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events import BaseEvent
from llama_index.core.instrumentation.span import BaseSpan
from llama_index.core.instrumentation.span_handlers import BaseSpanHandler
from llama_index.core.llms.llm import LLM
from llama_index.core.rate_limiter import BaseRateLimiter
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel, PrivateAttr

Method = Callable[..., list[Any]]
"""Calls a method of a model, which is its first argument, and returns the responses as a list."""


def _call(name: str) -> Method:
    return lambda llm, *args, **options: [getattr(llm, name)(*args, **options)]


def _acall(name: str) -> Method:
    async def call(llm: LLM, *args: Any, **options: Any) -> list[Any]:
        return [await getattr(llm, name)(*args, **options)]

    return lambda *args, **options: asyncio.run(call(*args, **options))


def _stream(name: str) -> Method:
    return lambda llm, *args, **options: list(getattr(llm, name)(*args, **options))


def _astream(name: str) -> Method:
    async def stream(llm: LLM, *args: Any, **options: Any) -> list[Any]:
        return [each async for each in await getattr(llm, name)(*args, **options)]

    return lambda *args, **options: asyncio.run(stream(*args, **options))


def _variants(name: str) -> dict[str, Method]:
    """Return the four variants of a method: whole and streamed, sync and async."""
    return {
        name: _call(name),
        f"a{name}": _acall(f"a{name}"),
        f"stream_{name}": _stream(f"stream_{name}"),
        f"astream_{name}": _astream(f"astream_{name}"),
    }


CHATS, COMPLETIONS = _variants("chat"), _variants("complete")
TOOL_CHATS, PREDICTIONS = _variants("chat_with_tools"), _variants("structured_predict")
TOOL_PREDICTIONS = {"sync": _call("predict_and_call"), "async": _acall("apredict_and_call")}

PROMPT = "Say hello."
WEATHER = "How is the weather in 'Lisbon'?"
BOTH = "The weather in 'Lisbon', and set alarm in 5 minutes."


class Place(BaseModel):
    """A place on earth."""

    city: str


def get_weather(city: str) -> str:
    """Return the weather in a city."""
    return f"Fog in {city}."


def set_alarm(minutes: int) -> str:
    """Ring after some minutes."""
    return f"Rings in {minutes} minutes."


def make_tools() -> list[Any]:
    """Return two tools."""
    return [FunctionTool.from_defaults(get_weather), FunctionTool.from_defaults(set_alarm)]


def audio_message(clip: AudioBlock, question: str = "What is said?") -> ChatMessage:
    """Return a question about a recording."""
    return ChatMessage(role="user", blocks=[TextBlock(text=question), clip])


def run_agent(agent: Any, question: str | ChatMessage) -> AgentOutput:
    """Return the answer of an agent, whose events must be serialisable as JSON."""

    async def run() -> AgentOutput:
        handler = agent.run(user_msg=question)
        async for event in handler.stream_events():
            event.model_dump_json()
        answer: AgentOutput = await handler
        return answer

    return asyncio.run(run())


class EventRecorder(BaseEventHandler):
    """Records the events."""

    _events: list[BaseEvent] = PrivateAttr(default_factory=list)

    @classmethod
    def class_name(cls) -> str:
        """Return the name of the handler."""
        return "EventRecorder"

    def handle(self, event: BaseEvent, **_: Any) -> None:
        """Record an event."""
        self._events.append(event)

    @property
    def events(self) -> list[BaseEvent]:
        """The events so far."""
        return self._events

    @property
    def names(self) -> list[str]:
        """Names of the events so far."""
        return [event.class_name() for event in self._events]

    def as_text(self) -> str:
        """Return everything that a tracing backend can read of the events."""
        return "\n".join(f"{event!r} {event.model_dump_json()}" for event in self._events)


class SpanRecorder(BaseSpanHandler[BaseSpan]):
    """Records the names, arguments and results of spans."""

    _names: list[str] = PrivateAttr(default_factory=list)
    _texts: list[str] = PrivateAttr(default_factory=list)

    @property
    def names(self) -> list[str]:
        """Names of the methods, in the order of their spans."""
        return self._names

    def as_text(self) -> str:
        """Return everything that a tracing backend can read of the spans."""
        return "\n".join(self._texts)

    def new_span(self, id_: str, bound_args: Any, *_: Any, **options: Any) -> BaseSpan:
        """Record the name, the arguments and the tags."""
        self._names.append(id_.partition("-")[0].rpartition(".")[2])
        self._texts.append(repr(bound_args) + repr(options))
        return BaseSpan(id_=id_)

    def prepare_to_exit_span(self, id_: str, *_: Any, **options: Any) -> BaseSpan:
        """Record the result."""
        self._texts.append(repr(options))
        return self.open_spans[id_]

    def prepare_to_drop_span(self, id_: str, *_: Any, **options: Any) -> BaseSpan:
        """Record the error."""
        self._texts.append("dropped: " + repr(options))
        return self.open_spans[id_]


class CountingRateLimiter(BaseRateLimiter):
    """A rate limiter that never waits, and counts the requests."""

    requests: int = 0

    def acquire(self, num_tokens: int = 0) -> None:  # noqa: ARG002
        """Count a request."""
        self.requests += 1

    async def async_acquire(self, num_tokens: int = 0) -> None:
        """Async version of `acquire`."""
        self.acquire(num_tokens)


@contextmanager
def record_instrumentation() -> Iterator[tuple[EventRecorder, SpanRecorder]]:
    """Record all events and spans within a context."""
    root, events, spans = get_dispatcher(), EventRecorder(), SpanRecorder()
    root.add_event_handler(events)
    root.add_span_handler(spans)
    try:
        yield events, spans
    finally:
        root.event_handlers.remove(events)
        root.span_handlers.remove(spans)
