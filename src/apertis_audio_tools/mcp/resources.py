"""Resources of the MCP server: transcripts that exist already, and files that were spoken."""

import asyncio
import base64
import itertools
import re
from urllib.parse import parse_qsl, quote, unquote

from mcp.server import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    BlobResourceContents,
    ListResourcesResult,
    ListResourceTemplatesResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextResourceContents,
)

from apertis_audio_tools.adapters.tools import TranscribeTool, TranscriptMemory, TranslateTool
from apertis_audio_tools.adapters.tools.list_tool import recording_names
from apertis_audio_tools.api.options import TranscriptionOptions
from apertis_audio_tools.client import ApertisAudio
from apertis_audio_tools.errors import AccessError, ApertisError, UnsupportedError
from apertis_audio_tools.files.access import FileAccess
from apertis_audio_tools.mcp.tool_calls import MAX_AUDIO_BYTES
from apertis_audio_tools.models import SPEECH_MEDIA_TYPES

PAGE_SIZE = 100
MAX_LISTED = 1_000
"""Recordings that are listed at most; hosts read all pages when they start."""

_SCHEME = "recording://"
_SPOKEN = re.compile(r"speech-[0-9a-f]{12}\.(\w+)")
"""Names of files that `FileAccess.writing` makes."""
_DESCRIPTION = (
    "Transcript of this recording, if it was transcribed before; reading it sends nothing."
)

Context = ServerRequestContext[dict[str, object]]


class Resources:
    """Handlers of ``resources/…``; none of them sends a request to the service."""

    def __init__(
        self,
        client: ApertisAudio,
        access: FileAccess,
        options: TranscriptionOptions,
        memory: TranscriptMemory,
    ) -> None:
        self._access = access
        self._tools = {
            "transcribe": TranscribeTool(client, access, options=options, memory=memory),
            "translate": TranslateTool(client, access, options=options, memory=memory),
        }

    async def list_resources(
        self, _: Context, params: PaginatedRequestParams | None
    ) -> ListResourcesResult:
        """Return a page of the recordings in the folders; none of them is opened."""
        start = _start_of_page(params.cursor if params else None)
        names = await asyncio.to_thread(self._names, start)
        page = [_declare(name) for name in names[:PAGE_SIZE]]
        end = start + PAGE_SIZE
        has_more = len(names) > PAGE_SIZE and end < MAX_LISTED
        return ListResourcesResult(resources=page, next_cursor=str(end) if has_more else None)

    async def list_templates(
        self, _: Context, __: PaginatedRequestParams | None
    ) -> ListResourceTemplatesResult:
        """Return the form of the addresses of transcripts."""
        template = ResourceTemplate(
            uri_template=f"{_SCHEME}/{{+path}}{{?language,task}}",
            name="transcript",
            description=f"{_DESCRIPTION} task=translate is for the translation into English.",
            mime_type="text/plain",
        )
        return ListResourceTemplatesResult(resource_templates=[template])

    async def read(self, _: Context, params: ReadResourceRequestParams) -> ReadResourceResult:
        """Return a transcript, or a file that was spoken.

        Raises:
            MCPError: If there is none; the message is one sentence.
        """
        try:
            return ReadResourceResult(contents=[await asyncio.to_thread(self._read, params.uri)])
        except ApertisError as error:
            raise MCPError(INVALID_PARAMS, str(error)) from None

    def _names(self, start: int) -> list[str]:
        """Return the names of the recordings of a page, and of the next one if there is one."""
        names = recording_names(self._access)
        return [*itertools.islice(names, start, start + PAGE_SIZE + 1)]

    def _read(self, uri: str) -> TextResourceContents | BlobResourceContents:
        is_transcript = uri.startswith(_SCHEME)
        return self._read_transcript(uri) if is_transcript else self._read_spoken_file(uri)

    def _read_transcript(self, uri: str) -> TextResourceContents:
        path, _, query = uri.removeprefix(_SCHEME).removeprefix("/").partition("?")
        arguments = dict(parse_qsl(query))
        tool = self._tools.get(arguments.pop("task", "transcribe"))
        if tool is None:
            raise UnsupportedError("task is transcribe or translate.")
        transcript = tool.find_transcript(path=unquote(path), **arguments)
        if transcript is None:
            raise AccessError(f"There is no transcript of it yet; call {tool.name} first.")
        return TextResourceContents(uri=uri, mime_type="text/plain", text=transcript.to_timecoded())

    def _read_spoken_file(self, uri: str) -> BlobResourceContents:
        output, spoken = self._access.output, _SPOKEN.fullmatch(uri.rpartition("/")[2])
        path = output / spoken[0] if output and spoken else None
        if path is None or spoken is None or uri != path.as_uri():
            raise AccessError(f"There are only resources {_SCHEME}… and files that were spoken.")
        with self._access.reading(str(path)) as (_, file):
            data = file.read(MAX_AUDIO_BYTES + 1)
        if len(data) > MAX_AUDIO_BYTES:
            raise AccessError(f"The file is too large to be sent; open {path.name} itself.")
        media_type = SPEECH_MEDIA_TYPES.get(spoken[1])
        return BlobResourceContents(
            uri=uri, mime_type=media_type, blob=base64.b64encode(data).decode()
        )


def _start_of_page(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not re.fullmatch(r"[0-9]{1,4}", cursor) or int(cursor) >= MAX_LISTED:
        raise MCPError(INVALID_PARAMS, "The cursor is not one of this server.")
    return int(cursor)


def _declare(name: str) -> Resource:
    return Resource(
        uri=f"{_SCHEME}/{quote(name)}",
        name=name,
        description=_DESCRIPTION,
        mime_type="text/plain",
    )
