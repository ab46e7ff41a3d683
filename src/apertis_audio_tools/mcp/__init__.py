"""The tools of an agent as a server of the Model Context Protocol (MCP).

Requires the extra: ``pip install "apertis-audio-tools[mcp]"``. The command ``apertis-audio mcp``
serves them.
"""

_PACKAGES = {"mcp", "mcp_types", "starlette", "uvicorn"}

try:
    from apertis_audio_tools.mcp.http_transport import (
        keep_token,
        make_http_app,
        make_token,
        serve_http,
    )
    from apertis_audio_tools.mcp.server import make_server
    from apertis_audio_tools.mcp.stdio_transport import serve_stdio
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] not in _PACKAGES:
        raise
    raise ImportError(
        'The MCP server needs more packages: pip install "apertis-audio-tools[mcp]".'
    ) from None

__all__ = [
    "keep_token",
    "make_http_app",
    "make_server",
    "make_token",
    "serve_http",
    "serve_stdio",
]
