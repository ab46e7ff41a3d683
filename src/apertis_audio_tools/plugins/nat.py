"""NVIDIA NeMo Agent Toolkit: the tools of an agent, one as a function or all as a group."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal

from nat.plugin_api import (
    Builder,
    FunctionBaseConfig,
    FunctionGroup,
    FunctionGroupBaseConfig,
    FunctionInfo,
    OptionalSecretStr,
    get_secret_value,
    register_function,
    register_function_group,
)
from pydantic import BaseModel, Field

if TYPE_CHECKING:
    from apertis_audio_tools.adapters.tools import AudioTool
    from apertis_audio_tools.plugins.toolset import Toolset


class Settings(BaseModel):
    """What functions and groups have in common."""

    folder: str | list[str] = Field(
        default_factory=list, description="The folder, or folders, whose files may be read."
    )
    output: str | None = Field(
        default=None, description="The folder for what is spoken; without it, nothing is."
    )
    api_key: OptionalSecretStr = Field(
        default=None, description="Without it, the variable APERTIS_API_KEY."
    )
    base_url: str | None = Field(
        default=None, description="Without it, APERTIS_BASE_URL, then the service's own."
    )


class ToolConfig(Settings, FunctionBaseConfig, name="apertis_audio_tool"):
    """One tool for audio: reads recordings in a folder, or speaks into files."""

    tool: Literal["transcribe_audio", "translate_audio", "speak_text", "ask_about_audio"] = Field(
        description="Which one."
    )


class GroupConfig(Settings, FunctionGroupBaseConfig, name="apertis_audio"):
    """Transcribe and translate recordings in a folder, ask about them, and speak into files."""


@register_function(config_type=ToolConfig)
async def one_tool(config: ToolConfig, _builder: Builder) -> AsyncIterator[FunctionInfo]:
    """The tool that is named in the settings."""
    from apertis_audio_tools.adapters.tools import TOOLS

    toolset = _toolset(config)
    (kind,) = (kind for kind in TOOLS if kind.name == config.tool)
    yield FunctionInfo.from_fn(_function(kind, toolset), **_declared(kind))


@register_function_group(config_type=GroupConfig)
async def all_tools(config: GroupConfig, _builder: Builder) -> AsyncIterator[FunctionGroup]:
    """All tools, over the same folders."""
    from apertis_audio_tools.adapters.tools import TOOLS

    toolset = _toolset(config)
    group = FunctionGroup(config=config)
    for kind in TOOLS:
        group.add_function(kind.name, _function(kind, toolset), **_declared(kind))
    yield group


def _toolset(config: Settings) -> "Toolset":
    from apertis_audio_tools.client import ApertisAudio
    from apertis_audio_tools.plugins.toolset import Toolset

    def make() -> ApertisAudio:
        return ApertisAudio(get_secret_value(config.api_key), base_url=config.base_url)

    return Toolset(make, config.folder, config.output)


def _declared(kind: "type[AudioTool]") -> dict[str, Any]:
    return {
        "input_schema": kind.arguments,
        "description": kind.description,
        "converters": [_reader(kind)],
    }


def _function(kind: "type[AudioTool]", toolset: "Toolset") -> Callable[[Any], Awaitable[str]]:
    async def call(asked: Any) -> str:
        return (await toolset.arun(kind.name, **asked.model_dump())).text

    call.__annotations__["asked"] = kind.arguments  # the toolkit goes by annotations
    return call


def _reader(kind: "type[AudioTool]") -> Callable[[str], Any]:
    """Makes arguments of text: JSON, or the first argument alone."""
    first = next(iter(kind.arguments.model_fields))

    def read(text: str) -> Any:
        if text.lstrip().startswith("{"):
            return kind.arguments.model_validate_json(text)
        return kind.arguments.model_validate({first: text})

    read.__annotations__["return"] = kind.arguments
    return read
