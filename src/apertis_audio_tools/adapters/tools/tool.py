"""What all tools of an agent have in common."""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import ValidationError

from apertis_audio_tools.adapters.tools.arguments import Arguments
from apertis_audio_tools.client import ApertisAudio
from apertis_audio_tools.errors import UnsupportedError
from apertis_audio_tools.files.access import FileAccess
from apertis_audio_tools.results import Usage


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool did.

    Attributes:
        text: For the model: short, never audio.
        artifact: For the program: flat facts fit for JSON, such as ``path``, ``media_type``,
            ``duration`` in seconds, ``transcript``, ``usage``.
    """

    text: str
    artifact: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ToolPlan:
    """What to ask the client, and what to say of its answer.

    Attributes:
        verb: The client's verb.
        subject: What it is about.
        options: What else it is called with.
        tell: Makes the outcome of the client's answer.
        known: The answer, if it need not be asked for.
    """

    verb: str
    subject: tuple[Any, ...]
    options: Mapping[str, Any]
    tell: Callable[[Any], ToolResult]
    known: Any = None


class AudioTool(ABC):
    """A tool of an agent.

    Args:
        audio: The client it asks.
        access: The folders it may read and write.

    Attributes:
        name: What a model calls it.
        description: What a model reads of it.
        arguments: What it takes.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    arguments: ClassVar[type[Arguments]]

    def __init__(self, audio: ApertisAudio, access: FileAccess) -> None:
        self._audio = audio
        self._access = access

    def run(self, **given: Any) -> ToolResult:
        """Do it.

        Raises:
            ApertisError: Whose message is a sentence that a model can act on.
        """
        with self._planned(self._checked(given)) as plan:
            verb = getattr(self._audio, plan.verb)
            return plan.tell(plan.known or verb(*plan.subject, **plan.options))

    async def arun(self, **given: Any) -> ToolResult:
        """The same; files are opened off the event loop."""
        with contextlib.ExitStack() as opened:
            planned = self._planned(self._checked(given))
            plan = await asyncio.to_thread(opened.enter_context, planned)
            verb = getattr(self._audio, f"a{plan.verb}")
            return plan.tell(plan.known or await verb(*plan.subject, **plan.options))

    def _checked(self, given: Mapping[str, Any]) -> Any:
        try:
            return self.arguments.model_validate(given)
        except ValidationError as error:
            raise UnsupportedError(self.describe_error(error)) from None

    @classmethod
    def describe_error(cls, error: ValidationError) -> str:
        """What is wrong with arguments, as a sentence a model can act on."""
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        return f"{cls.name}, {where}: {first['msg']}."

    @abstractmethod
    def _planned(self, asked: Any) -> contextlib.AbstractContextManager[ToolPlan]:
        """What to do about arguments; the files it takes are open within."""


def usage_json(usage: Usage | None) -> dict[str, Any] | None:
    """What was counted, fit for JSON."""
    return usage.model_dump() if usage else None
