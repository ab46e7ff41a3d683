"""Plugin for NVIDIA NeMo Agent Toolkit: a single tool as a function, or all tools as a group."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Literal

from nat.plugin_api import (
    Builder,
    FunctionBaseConfig,
    FunctionGroup,
    FunctionGroupBaseConfig,
    FunctionInfo,
    OptionalSecretStr,
    register_function,
    register_function_group,
)
from pydantic import BaseModel, Field

if TYPE_CHECKING:
    from apertis_audio_tools.adapters.tools import AudioTool
    from apertis_audio_tools.plugins.toolset import Toolset


class _Settings(BaseModel):
    """The settings that functions and groups share."""

    folder: str | list[str] = Field(
        default_factory=list, description="Folder or folders whose files may be read."
    )
    output: str | None = Field(
        default=None, description="Folder for speech files. Defaults to none: no speech is written."
    )
    api_key: OptionalSecretStr = Field(
        default=None, description="API key. Defaults to the environment variable APERTIS_API_KEY."
    )
    base_url: str | None = Field(
        default=None, description="Base URL. Defaults to APERTIS_BASE_URL, then to the service's."
    )


class _ToolConfig(_Settings, FunctionBaseConfig, name="apertis_audio_tool"):
    """One tool for audio: reads recordings in a folder, or writes speech files."""

    tool: Literal["transcribe_audio", "translate_audio", "speak_text", "ask_about_audio"] = Field(
        description="Name of the tool."
    )


class _GroupConfig(_Settings, FunctionGroupBaseConfig, name="apertis_audio"):
    """Transcribe and translate recordings in a folder, ask about them, and write speech files."""


@register_function(config_type=_ToolConfig)
async def _one_tool(config: _ToolConfig, _builder: Builder) -> AsyncIterator[FunctionInfo]:
    """Yield the tool that the settings name."""
    from apertis_audio_tools.adapters.tools import TOOLS

    toolset = _make_toolset(config)
    (tool,) = (tool for tool in TOOLS if tool.name == config.tool)
    yield FunctionInfo.from_fn(_make_function(tool, toolset), **_declare(tool))


@register_function_group(config_type=_GroupConfig)
async def _all_tools(config: _GroupConfig, _builder: Builder) -> AsyncIterator[FunctionGroup]:
    """Yield all tools, with the same folders."""
    from apertis_audio_tools.adapters.tools import TOOLS

    toolset = _make_toolset(config)
    group = FunctionGroup(config=config)
    for tool in TOOLS:
        group.add_function(tool.name, _make_function(tool, toolset), **_declare(tool))
    yield group


def _make_toolset(config: _Settings) -> "Toolset":
    from apertis_audio_tools.client import ApertisAudio
    from apertis_audio_tools.plugins.toolset import Toolset

    def make_client() -> ApertisAudio:
        return ApertisAudio(config.api_key, base_url=config.base_url)

    return Toolset(make_client, config.folder, config.output)


def _declare(tool: "type[AudioTool]") -> dict[str, object]:
    return {
        "input_schema": tool.arguments,
        "description": tool.description,
        "converters": [_make_converter(tool)],
    }


def _make_function(
    tool: "type[AudioTool]", toolset: "Toolset"
) -> Callable[[BaseModel], Awaitable[str]]:
    async def call(arguments: BaseModel) -> str:
        return (await toolset.arun(tool.name, **arguments.model_dump())).text

    call.__annotations__["arguments"] = tool.arguments  # the toolkit reads annotations
    return call


def _make_converter(tool: "type[AudioTool]") -> Callable[[str], BaseModel]:
    """Return a function that reads the arguments from JSON, or from the first argument alone."""
    first = next(iter(tool.arguments.model_fields))

    def read(text: str) -> BaseModel:
        if text.lstrip().startswith("{"):
            return tool.arguments.model_validate_json(text)
        return tool.arguments.model_validate({first: text})

    read.__annotations__["return"] = tool.arguments
    return read
