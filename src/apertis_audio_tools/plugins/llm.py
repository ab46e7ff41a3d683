"""The command `llm`: transcripts as fragments, the tools of an agent, and our own command.

The key is the one that ``llm keys set apertis`` keeps, or else ``APERTIS_API_KEY``.
"""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from inspect import Parameter, Signature
from types import MethodType
from typing import TYPE_CHECKING, Any

import click
import llm

if TYPE_CHECKING:
    from apertis_audio_tools.adapters.tools import AudioTool
    from apertis_audio_tools.client import ApertisAudio as Client

FOLDER = "."
SPOKEN = "spoken"


class ApertisAudio(llm.Toolbox):
    """Transcribe and translate recordings, ask about them, and speak.

    Reads the files of a folder and below: ApertisAudio("recordings"); without one, of the current
    folder. What is spoken goes into new files in output, which is the folder "spoken".
    """

    def __init__(self, folder: str = FOLDER, output: str = SPOKEN) -> None:
        from apertis_audio_tools.plugins.toolset import Toolset

        self._toolset = Toolset(_client, folder, output)

    def tools(self) -> Iterator[llm.Tool]:
        """The declared tools, named and bound as methods are: so llm finds the toolbox again."""
        from apertis_audio_tools.adapters.tools import TOOLS

        for kind in TOOLS:
            tool = _declared(kind, _method(kind, self))
            yield replace(tool, name=f"{type(self).__name__}_{tool.name}", plugin=self.plugin)

    def _run(self, name: str, /, **given: Any) -> str:
        return self._toolset.run(name, **given).text


@llm.hookimpl
def register_tools(register: Callable[..., None]) -> None:
    """The toolbox; and each tool by itself, for the current folder."""
    try:
        from apertis_audio_tools.adapters.tools import TOOLS
        from apertis_audio_tools.plugins.toolset import tool_function
    except ImportError as error:  # llm would not get to the tools of others
        click.echo(f"apertis-audio-tools cannot offer its tools: {error}", err=True)
        return
    register(ApertisAudio)
    here = ApertisAudio()
    for kind in TOOLS:
        register(_declared(kind, tool_function(kind, here._run)))  # noqa: SLF001


@llm.hookimpl
def register_fragment_loaders(register: Callable[..., None]) -> None:
    """``llm -f audio:meeting.m4a``."""
    register("audio", load_audio)


@llm.hookimpl
def register_commands(cli: click.Group) -> None:
    """``llm apertis-audio``."""
    cli.add_command(
        click.Command(
            "apertis-audio",
            callback=_command,
            params=[click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)],
            context_settings={"ignore_unknown_options": True, "help_option_names": []},
            help="The command apertis-audio: transcribe, translate, speak, ask and more.",
        )
    )


def load_audio(argument: str) -> list[llm.Fragment]:
    """A recording, or all recordings in a folder, as transcripts with timecodes.

    audio:meeting.m4a or audio:recordings/
    """
    from apertis_audio_tools.errors import RecordingError
    from apertis_audio_tools.files.discovery import find_recordings
    from apertis_audio_tools.plugins.timecoded import timecoded

    paths = list(find_recordings(argument))
    if not paths:
        raise RecordingError(f"There are no recordings in the folder {argument!r}.")
    with _client() as audio:
        return [
            llm.Fragment(f"{path.name}\n{timecoded(audio.transcribe(path))}", f"audio:{path}")
            for path in paths
        ]


def _command(arguments: tuple[str, ...]) -> None:
    from apertis_audio_tools.__main__ import main

    if key := _key():
        os.environ["APERTIS_API_KEY"] = key
    sys.argv = ["llm apertis-audio", *arguments]
    main()


def _declared(kind: "type[AudioTool]", implementation: Callable[..., str]) -> llm.Tool:
    schema = kind.arguments.model_json_schema()
    return llm.Tool(kind.name, kind.description, schema, implementation)


def _method(kind: "type[AudioTool]", toolbox: ApertisAudio) -> Callable[..., str]:
    from apertis_audio_tools.plugins.toolset import tool_parameters

    def call(self: ApertisAudio, **given: Any) -> str:
        return self._run(kind.name, **given)

    self = Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)
    call.__signature__ = Signature([self, *tool_parameters(kind)])  # type: ignore[attr-defined]
    return MethodType(call, toolbox)


def _client() -> "Client":
    from apertis_audio_tools.plugins.toolset import caching_client

    return caching_client(_key())


def _key() -> str | None:
    key: str | None = llm.get_key(alias="apertis", env="APERTIS_API_KEY")
    return key
