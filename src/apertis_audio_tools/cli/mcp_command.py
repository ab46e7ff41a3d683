"""The command `apertis-audio mcp`, which serves the tools to hosts of agents."""

import functools
from pathlib import Path
from typing import Annotated

import typer

from apertis_audio_tools.api.options import TranscriptionOptions
from apertis_audio_tools.cli.command_options import (
    MaxAudioSeconds,
    MaxCost,
    NoCache,
    PieceSeconds,
    UseSandbox,
)
from apertis_audio_tools.cli.session import open_session, print_note
from apertis_audio_tools.files.access import FileAccess
from apertis_audio_tools.models import AUTO


def serve_mcp(
    *,
    folder: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="Folder whose files may be read; may be repeated."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for new speech files.")
    ] = None,
    http: Annotated[
        bool,
        typer.Option("--http", help="Serve HTTP on this machine instead of standard input."),
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="TCP port for --http; 0 selects a free port.")
    ] = 8401,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File that keeps the token for --http; made if it does not exist. Without it, "
            "each start prints a new token.",
        ),
    ] = None,
    audio_content: Annotated[
        bool,
        typer.Option("--audio-content", help="Send short speech files along with their links."),
    ] = False,
    model: Annotated[str, typer.Option(help="Transcription model.")] = AUTO,
    piece_seconds: PieceSeconds = None,
    max_cost: MaxCost = None,
    max_audio_seconds: MaxAudioSeconds = None,
    no_cache: NoCache = False,
    sandbox: UseSandbox = False,
) -> None:
    """Serve the tools to an MCP host, which reads and writes only in the folders named here."""
    with open_session(
        sandbox=sandbox,
        use_cache=not no_cache,
        max_cost=max_cost,
        max_audio_seconds=max_audio_seconds,
    ) as session:
        from apertis_audio_tools import mcp

        server = mcp.make_server(
            session.client,
            FileAccess(folder or (), output=output),
            options=TranscriptionOptions(model=model, piece_seconds=piece_seconds),
            audio_content=audio_content,
        )
        if not http:
            mcp.serve_stdio(server)
            return
        token = mcp.keep_token(token_file) if token_file else mcp.make_token()
        on_ready = functools.partial(_print_address, token, token_file)
        mcp.serve_http(server, port=port, token=token, on_ready=on_ready)


def _print_address(token: str, token_file: Path | None, url: str) -> None:
    shown = f"<the content of {token_file}>" if token_file else token
    print_note(f"Serving MCP at {url} (stop with Ctrl-C), for requests with the header", style="")
    print_note(f"Authorization: Bearer {shown}", style="")
