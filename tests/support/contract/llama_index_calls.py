"""Asking any model of LlamaIndex, in words or through agents, and hearing what is told of it."""

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

Ask = Callable[..., list[Any]]


def _whole(verb: str) -> Ask:
    return lambda llm, *args, **options: [getattr(llm, verb)(*args, **options)]


def _awaited(verb: str) -> Ask:
    async def asked(llm: LLM, *args: Any, **options: Any) -> list[Any]:
        return [await getattr(llm, verb)(*args, **options)]

    return lambda *args, **options: asyncio.run(asked(*args, **options))


def _streamed(verb: str) -> Ask:
    return lambda llm, *args, **options: list(getattr(llm, verb)(*args, **options))


def _awaited_stream(verb: str) -> Ask:
    async def asked(llm: LLM, *args: Any, **options: Any) -> list[Any]:
        return [each async for each in await getattr(llm, verb)(*args, **options)]

    return lambda *args, **options: asyncio.run(asked(*args, **options))


def ways(verb: str) -> dict[str, Ask]:
    """The four ways to ask: whole or streamed, in both colours; each gives a list."""
    return {
        verb: _whole(verb),
        f"a{verb}": _awaited(f"a{verb}"),
        f"stream_{verb}": _streamed(f"stream_{verb}"),
        f"astream_{verb}": _awaited_stream(f"astream_{verb}"),
    }


CHATS, COMPLETIONS = ways("chat"), ways("complete")
TOOL_CHATS, PREDICTIONS = ways("chat_with_tools"), ways("structured_predict")
CALLS = {"sync": _whole("predict_and_call"), "async": _awaited("apredict_and_call")}

PROMPT = "Say hello."
WEATHER = "How is the weather in 'Lisbon'?"
BOTH = "The weather in 'Lisbon', and set alarm in 5 minutes."


class Place(BaseModel):
    """A place on earth."""

    city: str


def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"Fog in {city}."


def set_alarm(minutes: int) -> str:
    """Ring after some minutes."""
    return f"Rings in {minutes} minutes."


def tools() -> list[Any]:
    """Two tools."""
    return [FunctionTool.from_defaults(get_weather), FunctionTool.from_defaults(set_alarm)]


def played(clip: AudioBlock, question: str = "What is said?") -> ChatMessage:
    """A question about a recording."""
    return ChatMessage(role="user", blocks=[TextBlock(text=question), clip])


def asked(agent: Any, question: str | ChatMessage) -> AgentOutput:
    """An agent's answer; what it tells on the way must be fit for JSON."""

    async def run() -> AgentOutput:
        handler = agent.run(user_msg=question)
        async for event in handler.stream_events():
            event.model_dump_json()
        answer: AgentOutput = await handler
        return answer

    return asyncio.run(run())


class Listening(BaseEventHandler):
    """Keeps the events."""

    _events: list[BaseEvent] = PrivateAttr(default_factory=list)

    @classmethod
    def class_name(cls) -> str:
        """Its name."""
        return "Listening"

    def handle(self, event: BaseEvent, **_: Any) -> None:
        """Keep one."""
        self._events.append(event)

    @property
    def names(self) -> list[str]:
        """What happened."""
        return [event.class_name() for event in self._events]

    def written(self) -> str:
        """All of it."""
        return "\n".join(event.model_dump_json() for event in self._events)


class Spanning(BaseSpanHandler[BaseSpan]):
    """Keeps what spans were given, as text."""

    _seen: list[str] = PrivateAttr(default_factory=list)
    _names: list[str] = PrivateAttr(default_factory=list)

    def new_span(self, id_: str, bound_args: Any, *_: Any, **__: Any) -> BaseSpan:
        """Keep the arguments."""
        self._names.append(id_.partition("-")[0].rpartition(".")[2])
        self._seen.append(repr(bound_args))
        return BaseSpan(id_=id_)

    def prepare_to_exit_span(self, id_: str, *_: Any, **options: Any) -> BaseSpan:
        """Keep the result."""
        self._seen.append(repr(options))
        return self.open_spans[id_]

    def prepare_to_drop_span(self, id_: str, *_: Any, **options: Any) -> BaseSpan:
        """Keep the error."""
        self._seen.append(repr(options))
        return self.open_spans[id_]


class Counting(BaseRateLimiter):
    """Lets everybody through, and counts them."""

    passed: int = 0

    def acquire(self, num_tokens: int = 0) -> None:  # noqa: ARG002
        """Let through."""
        self.passed += 1

    async def async_acquire(self, num_tokens: int = 0) -> None:  # noqa: ARG002
        """Let through."""
        self.passed += 1


@contextmanager
def listening() -> Iterator[tuple[Listening, Spanning]]:
    """All that instrumentation hears, and all that spans are given, for a while."""
    root, events, spans = get_dispatcher(), Listening(), Spanning()
    root.add_event_handler(events)
    root.add_span_handler(spans)
    try:
        yield events, spans
    finally:
        root.event_handlers.remove(events)
        root.span_handlers.remove(spans)
