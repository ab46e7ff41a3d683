"""The base class of an agent's tools."""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import ValidationError

from apertis_audio_tools.adapters.tools.arguments import ToolArguments
from apertis_audio_tools.client import ApertisAudio
from apertis_audio_tools.errors import AccessError, UnsupportedError
from apertis_audio_tools.files.access import FileAccess
from apertis_audio_tools.pipeline.worker_pool import run_in_thread_to_end
from apertis_audio_tools.results import Usage

A = TypeVar("A", bound=ToolArguments)
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class ToolResult:
    """Result of a tool.

    Attributes:
        text: Short text for the model, never audio.
        artifact: Flat, JSON-safe facts for the program, such as ``path``, ``media_type``,
            ``duration`` in seconds, ``transcript``, ``usage``, ``cost``.
    """

    text: str
    artifact: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ToolPlan(Generic[R]):
    """A call of the client, its async version, and how its response becomes the result of a tool.

    A `cached_response` of an earlier call is used in place of the call.
    """

    call: Callable[[], R]
    acall: Callable[[], Awaitable[R]]
    report: Callable[[R], ToolResult]
    cached_response: R | None = None

    def run(self) -> ToolResult:
        """Call the client and return the result."""
        cached = self.cached_response
        return self.report(self.call() if cached is None else cached)

    async def arun(self) -> ToolResult:
        """Async version of `run`."""
        cached = self.cached_response
        return self.report(await self.acall() if cached is None else cached)


class AudioTool(ABC):
    """A tool of an agent.

    Args:
        client: Client that sends the requests.
        access: Folders that may be read and written.

    Attributes:
        name: Name under which a model calls the tool.
        description: Description for the model.
        arguments: Schema of the arguments.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    arguments: ClassVar[type[ToolArguments]]

    def __init__(self, client: ApertisAudio, access: FileAccess) -> None:
        self._client = client
        self._access = access

    def run(self, /, **arguments: object) -> ToolResult:
        """Run the tool.

        Raises:
            ApertisError: If it fails; the message is a sentence that a model can act on.
        """
        with system_errors(), self._plan(arguments) as plan:
            return plan.run()

    async def arun(self, /, **arguments: object) -> ToolResult:
        """Async version of `run`; files are opened off the event loop."""
        with system_errors(), contextlib.ExitStack() as files:
            plan = await run_in_thread_to_end(files.enter_context, self._plan(arguments))
            return await plan.arun()

    @classmethod
    def describe_error(cls, error: ValidationError) -> str:
        """Return why arguments are invalid, as a sentence that a model can act on."""
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        return f"{cls.name}, {where}: {first['msg'].removeprefix('Value error, ')}."

    @classmethod
    def _validate(cls, schema: type[A], arguments: Mapping[str, object]) -> A:
        try:
            return schema.model_validate(arguments)
        except ValidationError as error:
            raise UnsupportedError(cls.describe_error(error)) from None

    @abstractmethod
    def _plan(
        self, arguments: Mapping[str, object]
    ) -> contextlib.AbstractContextManager[ToolPlan[Any]]:
        """Plan the call; the files it reads are open inside the context."""


@contextlib.contextmanager
def system_errors() -> Iterator[None]:
    """Turn an error of the system, such as a full disk, into a sentence without paths."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise AccessError(f"The tool has failed: {reason}.") from error


def usage_json(usage: Usage | None) -> dict[str, Any] | None:
    """Return the usage as JSON, or None if there is none."""
    return usage.model_dump(exclude_none=True) if usage else None
