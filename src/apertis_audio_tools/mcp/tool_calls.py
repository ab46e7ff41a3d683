"""Tools of the MCP server: their list, their calls, and the content that a host receives."""

import asyncio
import base64
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mcp.server import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    AudioContent,
    CallToolRequestParams,
    CallToolResult,
    ContentBlock,
    ListToolsResult,
    PaginatedRequestParams,
    ResourceLink,
    TextContent,
    Tool,
    ToolAnnotations,
)

from apertis_audio_tools.adapters.tools import (
    TOOLS,
    AudioTool,
    ReportProgress,
    SpeakTool,
    ToolResult,
    TranscribeTool,
    TranscriptMemory,
    TranslateTool,
)
from apertis_audio_tools.api.options import TranscriptionOptions
from apertis_audio_tools.client import ApertisAudio
from apertis_audio_tools.errors import ApertisError
from apertis_audio_tools.files.access import FileAccess
from apertis_audio_tools.mcp.progress_messages import sending_progress

logger: logging.Logger = logging.getLogger("apertis_audio_tools")

MAX_AUDIO_BYTES = 512 * 1024
"""Largest spoken file that is sent within a message: half a minute of mp3. In base64 it stays below
the 1 MiB that clients accept in one event."""

Context = ServerRequestContext[dict[str, object]]


class ToolCalls:
    """Handlers of ``tools/list`` and ``tools/call``."""

    def __init__(
        self,
        client: ApertisAudio,
        access: FileAccess,
        options: TranscriptionOptions,
        memory: TranscriptMemory,
        *,
        audio_content: bool,
    ) -> None:
        self._client = client
        self._access = access
        self._options = options
        self._memory = memory
        self._audio_content = audio_content

    async def list_tools(self, _: Context, __: PaginatedRequestParams | None) -> ListToolsResult:
        """Return the tools that can work with the folders."""
        return ListToolsResult(tools=[_declare(tool) for tool in _offered_tools(self._access)])

    async def call_tool(self, context: Context, params: CallToolRequestParams) -> CallToolResult:
        """Run a tool; a failure is a result with one sentence for the model.

        Raises:
            MCPError: If there is no such tool.
        """
        tool = next((each for each in TOOLS if each.name == params.name), None)
        if tool is None:
            names = ", ".join(each.name for each in TOOLS)
            raise MCPError(INVALID_PARAMS, f"There is no such tool; there are: {names}.")
        async with sending_progress(context.session) as report:
            return await self._run(self._make_tool(tool, report), params.arguments or {})

    def _make_tool(self, tool: type[AudioTool], report: ReportProgress) -> AudioTool:
        if issubclass(tool, TranscribeTool | TranslateTool):
            return tool(
                self._client,
                self._access,
                options=self._options,
                memory=self._memory,
                report=report,
            )
        return tool(self._client, self._access)

    async def _run(self, tool: AudioTool, arguments: Mapping[str, Any]) -> CallToolResult:
        try:
            result = await tool.arun(**arguments)
            content = await asyncio.to_thread(lambda: [*self._content_of(tool, result)])
            return CallToolResult(content=content)
        except ApertisError as error:
            return _failure(str(error))
        except Exception as error:
            logger.exception("The tool %s has failed: %s", tool.name, type(error).__name__)
            return _failure("The tool has failed because of a mistake in its program.")

    def _content_of(self, tool: AudioTool, result: ToolResult) -> Iterator[ContentBlock]:
        yield TextContent(text=result.text)
        if isinstance(tool, SpeakTool):
            path, media_type = Path(result.artifact["path"]), result.artifact["media_type"]
            size = result.artifact["size"]
            yield ResourceLink(uri=path.as_uri(), name=path.name, mime_type=media_type, size=size)
            if self._audio_content and size <= MAX_AUDIO_BYTES:
                with self._access.reading(str(path)) as (_, file):
                    data = base64.b64encode(file.read()).decode()
                yield AudioContent(data=data, mime_type=media_type)


def _offered_tools(access: FileAccess) -> tuple[type[AudioTool], ...]:
    """Return the tools that can work with the folders; all if there are none, as each says so."""
    if not access.inputs and access.output is None:
        return TOOLS
    has_folder: dict[type[AudioTool], bool] = {SpeakTool: access.output is not None}
    return tuple(tool for tool in TOOLS if has_folder.get(tool, bool(access.inputs)))


def _declare(tool: type[AudioTool]) -> Tool:
    is_writing = tool is SpeakTool
    return Tool(
        name=tool.name,
        description=tool.description,
        input_schema=tool.arguments.model_json_schema(),
        annotations=ToolAnnotations(read_only_hint=not is_writing, destructive_hint=False),
    )


def _failure(sentence: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(text=sentence)], is_error=True)
