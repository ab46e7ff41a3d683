"""Serve over standard input and output."""

import asyncio
import os
import signal
import sys
from typing import Any

import anyio
from mcp.server import Server
from mcp.server.stdio import stdio_server

_SIGNALS = () if sys.platform == "win32" else (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def serve_stdio(server: Server[Any]) -> None:
    """Serve one client until it closes standard input, or until a signal ends the process.

    Meanwhile standard output belongs to the protocol: what is printed goes to standard error.
    """
    try:
        asyncio.run(_serve(server))
    except* BrokenPipeError:
        pass  # the client has gone without reading the last response


async def _serve(server: Server[Any]) -> None:
    async with stdio_server() as (reading, writing):
        async with anyio.create_task_group() as group:
            signalled = asyncio.ensure_future(_wait_for_signal(group.cancel_scope))
            await server.run(reading, writing, server.create_initialization_options())
        if signalled.done():
            # The thread that reads standard input cannot be interrupted, and would be waited for.
            os._exit(128 + signalled.result())
        signalled.cancel()


async def _wait_for_signal(scope: anyio.CancelScope) -> int:
    """Cancel a scope at the first signal, and return the signal's number."""
    with anyio.open_signal_receiver(*_SIGNALS) as signals:
        number = await anext(signals)
    scope.cancel()
    return number
