"""Plugin for the command `llm`: transcripts as fragments, tools, and the command `apertis-audio`.

The key is the one that ``llm keys set apertis`` keeps. Defaults to ``APERTIS_API_KEY``.
"""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from inspect import Parameter, Signature
from types import MethodType
from typing import TYPE_CHECKING

import click
import llm

if TYPE_CHECKING:
    from pydantic import SecretStr

    from apertis_audio_tools.adapters.tools import AudioTool
    from apertis_audio_tools.client import ApertisAudio as Client

DEFAULT_FOLDER = "."
DEFAULT_OUTPUT = "spoken"


class ApertisAudio(llm.Toolbox):
    """Transcribe and translate recordings, ask about them, and speak.

    Reads the files in a folder and its subfolders, such as ApertisAudio("recordings"); the default
    is the current folder. Speech goes into new files in the folder output; the default is "spoken".
    """

    def __init__(self, folder: str = DEFAULT_FOLDER, output: str = DEFAULT_OUTPUT) -> None:
        from apertis_audio_tools.plugins.toolset import Toolset

        self._toolset = Toolset(_make_client, folder, output)

    def tools(self) -> Iterator[llm.Tool]:
        """Yield the tools; llm finds the toolbox again by their names and bound methods."""
        from apertis_audio_tools.adapters.tools import TOOLS

        for tool in TOOLS:
            declared = _declare(tool, _bind_method(tool, self))
            name = f"{type(self).__name__}_{tool.name}"
            yield replace(declared, name=name, plugin=self.plugin)

    def _run(self, name: str, /, **arguments: object) -> str:
        return self._toolset.run(name, **arguments).text


@llm.hookimpl
def register_tools(register: Callable[..., None]) -> None:
    """Register the toolbox, and each tool by itself for the current folder."""
    try:
        from apertis_audio_tools.adapters.tools import TOOLS
        from apertis_audio_tools.plugins.toolset import tool_function
    except ImportError as error:  # llm would offer no tools of any plugin
        click.echo(f"apertis-audio-tools cannot offer its tools: {error}", err=True)
        return
    register(ApertisAudio)
    toolbox = ApertisAudio()
    for tool in TOOLS:
        register(_declare(tool, tool_function(tool, toolbox._run)))  # noqa: SLF001


@llm.hookimpl
def register_fragment_loaders(register: Callable[..., None]) -> None:
    """Register the fragment loader of ``llm -f audio:meeting.m4a``."""
    register("audio", load_audio)


@llm.hookimpl
def register_commands(cli: click.Group) -> None:
    """Register the command ``llm apertis-audio``."""
    cli.add_command(
        click.Command(
            "apertis-audio",
            callback=_run_command,
            params=[click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)],
            context_settings={"ignore_unknown_options": True, "help_option_names": []},
            help="The command apertis-audio: transcribe, translate, speak, ask and more.",
        )
    )


def load_audio(argument: str) -> list[llm.Fragment]:
    """Load a recording, or all recordings in a folder, as transcripts with timecodes.

    audio:meeting.m4a or audio:recordings/
    """
    from apertis_audio_tools.errors import RecordingError
    from apertis_audio_tools.files.discovery import find_recordings
    from apertis_audio_tools.plugins.toolset import NO_SPEECH

    paths = list(find_recordings(argument))
    if not paths:
        raise RecordingError(f"There are no recordings in the folder {argument!r}.")
    fragments = []
    with _make_client() as audio:
        for path in paths:
            text = audio.transcribe(path).to_timecoded() or NO_SPEECH
            fragments.append(llm.Fragment(f"{path.name}\n{text}", f"audio:{path}"))
    return fragments


def _run_command(arguments: tuple[str, ...]) -> None:
    from apertis_audio_tools.__main__ import main

    if key := _get_key():
        os.environ["APERTIS_API_KEY"] = key.get_secret_value()
    sys.argv = ["llm apertis-audio", *arguments]
    main()


def _declare(tool: "type[AudioTool]", implementation: Callable[..., str]) -> llm.Tool:
    schema = tool.arguments.model_json_schema()
    return llm.Tool(tool.name, tool.description, schema, implementation)


def _bind_method(tool: "type[AudioTool]", toolbox: ApertisAudio) -> Callable[..., str]:
    from apertis_audio_tools.plugins.toolset import tool_parameters

    def call(self: ApertisAudio, **arguments: object) -> str:
        return self._run(tool.name, **arguments)

    self = Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)
    call.__signature__ = Signature([self, *tool_parameters(tool)])  # type: ignore[attr-defined]
    return MethodType(call, toolbox)


def _make_client() -> "Client":
    from apertis_audio_tools.plugins.toolset import caching_client

    return caching_client(_get_key())


def _get_key() -> "SecretStr | None":
    from pydantic import SecretStr

    key = llm.get_key(alias="apertis", env="APERTIS_API_KEY")
    return SecretStr(key) if key else None
