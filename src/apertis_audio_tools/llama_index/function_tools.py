"""The declared tools as LlamaIndex's function tools: text for any model, facts for the program."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from llama_index.core.base.llms.types import AudioBlock, ContentBlock, TextBlock
from llama_index.core.tools import FunctionTool
from llama_index.core.tools.types import ToolMetadata, ToolOutput

from apertis_audio_tools.adapters.tools import AudioTool, ToolResult
from apertis_audio_tools.errors import UnsupportedError


def make_function_tool(
    tool: AudioTool, names: Sequence[str], metadata: ToolMetadata | None, *, has_audio: bool
) -> FunctionTool:
    """Return a declared tool in the shape of LlamaIndex.

    Its arguments are checked against the schema of the tool, whose errors models can act on.

    Args:
        tool: Declared tool.
        names: Names of the arguments, in the order of values that are passed by position.
        metadata: Name, description and schema for the model. Defaults to those of the tool.
        has_audio: True if the output names a new file in an `AudioBlock` as well.
    """

    def run(*values: object, **arguments: object) -> ToolResult:
        return tool.run(**_name_values(tool, names, values), **arguments)

    async def arun(*values: object, **arguments: object) -> ToolResult:
        return await tool.arun(**_name_values(tool, names, values), **arguments)

    declared = ToolMetadata(name=tool.name, description=tool.description, fn_schema=tool.arguments)
    return _AudioFunctionTool(run, arun, metadata or declared, has_audio=has_audio)


def _name_values(
    tool: AudioTool, names: Sequence[str], values: Sequence[object]
) -> dict[str, object]:
    if len(values) > len(names):
        raise UnsupportedError(f"{tool.name} accepts {', '.join(names)}, and no more.")
    return dict(zip(names, values, strict=False))


class _AudioFunctionTool(FunctionTool):
    """A function tool whose output has the text of a `ToolResult`, and its facts as raw output."""

    def __init__(
        self,
        fn: Callable[..., ToolResult],
        async_fn: Callable[..., Awaitable[ToolResult]],
        metadata: ToolMetadata,
        *,
        has_audio: bool,
    ) -> None:
        super().__init__(fn=fn, async_fn=async_fn, metadata=metadata)
        self._has_audio = has_audio

    def call(self, *args: object, **kwargs: object) -> ToolOutput:
        """Run the tool; see `FunctionTool.call`."""
        return self._convert(super().call(*args, **kwargs))

    async def acall(self, *args: object, **kwargs: object) -> ToolOutput:
        """Async version of `call`."""
        return self._convert(await super().acall(*args, **kwargs))

    def _convert(self, output: ToolOutput) -> ToolOutput:
        result: ToolResult = output.raw_output
        blocks: list[ContentBlock] = [TextBlock(text=result.text)]
        if self._has_audio and "media_type" in result.artifact:
            path = Path(result.artifact["path"])
            blocks.append(AudioBlock(path=path, format=path.suffix.removeprefix(".")))
        return output.model_copy(update={"blocks": blocks, "raw_output": result.artifact})
