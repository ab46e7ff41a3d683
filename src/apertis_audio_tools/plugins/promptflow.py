"""promptflow: the tools of an agent as tools of a flow."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from apertis_audio_tools.adapters.tools import AudioTool
    from apertis_audio_tools.plugins.toolset import Toolset

_TYPES = {"string": "string", "number": "double"}
"""What JSON Schema calls a type, and what promptflow calls it."""


def list_tools() -> dict[str, dict[str, Any]]:
    """The tools with their inputs, as promptflow wants them described."""
    from apertis_audio_tools.adapters.tools import TOOLS

    return {
        f"{__name__}.{kind.name}": {
            "name": f"Apertis Audio: {kind.name.replace('_', ' ')}",
            "description": kind.description,
            "type": "python",
            "module": __name__,
            "function": kind.name,
            "inputs": dict(_inputs(kind)),
        }
        for kind in TOOLS
    }


def __getattr__(name: str) -> Callable[..., dict[str, Any]]:
    if not name.startswith("_"):
        from apertis_audio_tools.adapters.tools import TOOLS

        for kind in TOOLS:
            if kind.name == name:
                return _function(kind)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _function(kind: "type[AudioTool]") -> Callable[..., dict[str, Any]]:
    """Gives what a tool tells programs, and under ``text`` what it tells a model."""
    from apertis_audio_tools.plugins.toolset import tool_function

    folders = _folders(kind)

    def run(name: str, /, **given: Any) -> dict[str, Any]:
        chosen = {key: given.pop(key, default) for key, default in folders.items()}
        outcome = _toolset(**chosen).run(name, **given)
        return {"text": outcome.text, **outcome.artifact}

    return tool_function(kind, run, folders)


@lru_cache(maxsize=8)
def _toolset(folder: str | None = None, output: str | None = None) -> "Toolset":
    from apertis_audio_tools.client import ApertisAudio
    from apertis_audio_tools.plugins.toolset import Toolset

    return Toolset(ApertisAudio, folder or [], output)


def _folders(kind: "type[AudioTool]") -> dict[str, str]:
    """Where a tool reads, or writes, unless the flow says otherwise."""
    return {"folder": "."} if "path" in kind.arguments.model_fields else {"output": "spoken"}


def _inputs(kind: "type[AudioTool]") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, schema in kind.arguments.model_json_schema()["properties"].items():
        types = [each["type"] for each in schema.get("anyOf", [schema])]
        told = {key: schema[key] for key in ("default", "description") if schema.get(key)}
        yield name, {"type": [_TYPES[each] for each in types if each != "null"], **told}
    for name, default in _folders(kind).items():
        yield name, {"type": ["string"], "default": default}
