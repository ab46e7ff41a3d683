"""The tools of an agent, for programs that call them by name."""

from collections.abc import Callable
from inspect import Parameter, Signature, signature
from typing import TypeVar

from pydantic import SecretStr

from apertis_audio_tools.adapters.tools import TOOLS, AudioTool, ToolResult
from apertis_audio_tools.client import ApertisAudio
from apertis_audio_tools.client.settings import as_secret
from apertis_audio_tools.concurrency import fork_safety
from apertis_audio_tools.files.access import FileAccess, Folder
from apertis_audio_tools.pipeline.cache import default_cache_setting

R = TypeVar("R")

NO_SPEECH = "Nothing is said in this recording."
"""Text that plugins show in place of an empty transcript."""


class Toolset:
    """All tools, with the same folders and the same client; made at the first call.

    Args:
        make_client: Function that returns the client; called once.
        inputs: Folder or folders that may be read.
        output: Folder for new files. Defaults to none, so that no files can be written.
    """

    def __init__(
        self,
        make_client: Callable[[], ApertisAudio],
        inputs: Folder | list[str],
        output: Folder | None = None,
    ) -> None:
        self._make_client = make_client
        self._inputs = inputs
        self._output = output
        self._lock = fork_safety.ForkSafeLock()
        self._tools: dict[str, AudioTool] = {}

    def run(self, name: str, /, **arguments: object) -> ToolResult:
        """Run a tool.

        Raises:
            ApertisError: If the tool fails, or if there is no key or folder.
        """
        return self._tool(name).run(**arguments)

    async def arun(self, name: str, /, **arguments: object) -> ToolResult:
        """Async version of `run`."""
        return await self._tool(name).arun(**arguments)

    def _tool(self, name: str) -> AudioTool:
        with self._lock:
            self._tools = self._tools or self._make_tools()
            return self._tools[name]

    def _make_tools(self) -> dict[str, AudioTool]:
        access = FileAccess(self._inputs, output=self._output)
        client = self._make_client()
        return {tool.name: tool(client, access) for tool in TOOLS}


def caching_client(api_key: str | SecretStr | None = None) -> ApertisAudio:
    """Return a client that caches transcripts by default, as the command does."""
    api_key = as_secret(api_key)
    return ApertisAudio(api_key, cache=default_cache_setting())


def tool_function(tool: type[AudioTool], run: Callable[..., R]) -> Callable[..., R]:
    """Return a function like a tool that calls `run` with the tool's name and its arguments."""

    def call(**arguments: object) -> R:
        return run(tool.name, **arguments)

    call.__name__ = call.__qualname__ = tool.name
    call.__doc__ = tool.description
    call.__signature__ = Signature(tool_parameters(tool))  # type: ignore[attr-defined]
    return call


def tool_parameters(tool: type[AudioTool]) -> list[Parameter]:
    """Return the arguments of a tool as the parameters of a function."""
    fields = tool.arguments.model_fields
    declared = signature(tool.arguments).parameters
    return [declared[name].replace(annotation=fields[name].annotation) for name in declared]
