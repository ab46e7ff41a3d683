"""The tools of an agent for programs that call them by name; made when the first one is called."""

from collections.abc import Callable, Mapping
from inspect import Parameter, Signature, signature
from typing import Any, TypeVar

from apertis_audio_tools.adapters.tools import TOOLS, AudioTool, ToolResult
from apertis_audio_tools.client import ApertisAudio
from apertis_audio_tools.concurrency import fork_safety
from apertis_audio_tools.files.access import FileAccess, Folder
from apertis_audio_tools.pipeline.cache import default_cache_setting

R = TypeVar("R")


class Toolset:
    """All tools over the same folders and the same client.

    Args:
        make: Gives the client, once, at the first call.
        inputs: The folder, or folders, that may be read.
        output: Where new files go; without it, none are written.
    """

    def __init__(
        self,
        make: Callable[[], ApertisAudio],
        inputs: Folder | list[str],
        output: Folder | None = None,
    ) -> None:
        self._make = make
        self._inputs = inputs
        self._output = output
        self._lock = fork_safety.ForkSafeLock()
        self._tools: dict[str, AudioTool] = {}

    def run(self, name: str, /, **given: Any) -> ToolResult:
        """What a tool does.

        Raises:
            ApertisError: Whose message is a sentence, for a missing key or folder too.
        """
        return self._tool(name).run(**given)

    async def arun(self, name: str, /, **given: Any) -> ToolResult:
        """The same."""
        return await self._tool(name).arun(**given)

    def _tool(self, name: str) -> AudioTool:
        with self._lock:
            self._tools = self._tools or self._made()
            return self._tools[name]

    def _made(self) -> dict[str, AudioTool]:
        access = FileAccess(self._inputs, output=self._output)
        audio = self._make()
        return {kind.name: kind(audio, access) for kind in TOOLS}


def caching_client(api_key: str | None = None) -> ApertisAudio:
    """A client that keeps transcripts, as the command does, unless the environment has a say."""
    return ApertisAudio(api_key, cache=default_cache_setting())


def tool_function(
    tool: type[AudioTool], run: Callable[..., R], further: Mapping[str, str] | None = None
) -> Callable[..., R]:
    """A function that says of itself what the tool declares, and runs it.

    Args:
        tool: The declaration.
        run: Takes the name of the tool and what it is given.
        further: What else the function takes, by name, and what for want of it.
    """

    def call(**given: Any) -> R:
        return run(tool.name, **given)

    added = (
        Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=str)
        for name, default in (further or {}).items()
    )
    call.__name__ = call.__qualname__ = tool.name
    call.__doc__ = tool.description
    call.__signature__ = Signature([*tool_parameters(tool), *added])  # type: ignore[attr-defined]
    return call


def tool_parameters(tool: type[AudioTool]) -> list[Parameter]:
    """What a tool takes, as the parameters of a function."""
    fields = tool.arguments.model_fields
    declared = signature(tool.arguments).parameters
    return [declared[name].replace(annotation=fields[name].annotation) for name in declared]
