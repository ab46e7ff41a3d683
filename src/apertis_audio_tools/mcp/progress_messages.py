"""Progress notifications of a tool that is at work."""

import contextlib
import math
from collections.abc import AsyncIterator

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream
from mcp.server.session import ServerSession

from apertis_audio_tools.adapters.tools import ReportProgress, ToolProgress
from apertis_audio_tools.text.subtitles import format_timecode

HEARTBEAT_SECONDS = 10.0
"""Longest time without a notification. Hosts give up after a minute of silence, and a piece of a
recording may take longer."""
_STEP = 0.001
"""Increase of the progress in a notification without news: the protocol requires one."""


@contextlib.asynccontextmanager
async def sending_progress(session: ServerSession) -> AsyncIterator[ReportProgress]:
    """Yield a function that notifies the client of progress, if the client has asked for it.

    The block must raise nothing, or the error would be in a group.
    """
    send, receive = anyio.create_memory_object_stream[ToolProgress](math.inf)
    async with receive, anyio.create_task_group() as group:
        group.start_soon(_notify, session, receive)
        with send:
            yield send.send_nowait


async def _notify(
    session: ServerSession, reported: MemoryObjectReceiveStream[ToolProgress]
) -> None:
    """Notify of each progress that is reported, and again whenever nothing happens for a while."""
    progress, total, message = -_STEP, None, None
    with contextlib.suppress(anyio.EndOfStream):
        while True:
            news = progress + _STEP
            with anyio.move_on_after(HEARTBEAT_SECONDS):
                event = await reported.receive()
                news, total = event["seconds"], event["duration"]
                message = f"{format_timecode(news)} of {format_timecode(total)}"
            if news > progress:
                progress = news
                await session.report_progress(progress, total, message)
