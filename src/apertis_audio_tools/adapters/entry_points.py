"""The entry points of this package, and the programs that read them."""

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

DISTRIBUTION = "apertis-audio-tools"


@dataclass(frozen=True, slots=True)
class Host:
    """A program that reads entry points, or the framework that they need."""

    name: str
    module: str
    install: str

    @property
    def is_installed(self) -> bool:
        """True if the module exists. It is not imported, only the packages above it."""
        try:
            return find_spec(self.module) is not None
        except (ModuleNotFoundError, ValueError):
            return False


HOST_PROGRAMS = {
    "apertis_audio_tools.langchain": Host(
        "LangChain", "langchain_core", 'pip install "apertis-audio-tools[langchain]"'
    ),
    "apertis_audio_tools.llama_index": Host(
        "LlamaIndex", "llama_index.core", 'pip install "apertis-audio-tools[llama-index]"'
    ),
    "llm": Host("llm", "llm", "pip install llm"),
    "markitdown.plugin": Host("MarkItDown", "markitdown", "pip install markitdown"),
    "nat.components": Host(
        "NeMo Agent Toolkit", "nat.plugin_api", "pip install nvidia-nat-core packaging"
    ),
}
"""The program that reads each group of entry points."""

_AGENTS_EXTRA = 'pip install "apertis-audio-tools[agents]"'
_OPTIONAL_MODULES = {"langchain": _AGENTS_EXTRA, "langgraph": _AGENTS_EXTRA}
"""Modules that only some components need, and how to install them."""


def load_component(package: str, module: str, name: str) -> object:
    """Return a public name of an adapter package, from the module of the package that defines it.

    Raises:
        ImportError: If the framework is not installed; the message names the extra.
    """
    host = HOST_PROGRAMS[package]
    try:
        loaded = import_module(f"{package}.{module}")
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in _OPTIONAL_MODULES:
            install = _OPTIONAL_MODULES[missing]
            raise ImportError(
                f"{name} needs {missing}, which is not installed: {install}."
            ) from None
        if missing != host.module.partition(".")[0]:
            raise
        raise ImportError(f"{host.name} is not installed: {host.install}.") from None
    component: object = getattr(loaded, name)
    return component


@dataclass(frozen=True, slots=True)
class Registration:
    """An entry point of this package: its group, its name, and what is loaded."""

    group: str
    name: str
    value: str

    @property
    def host(self) -> Host:
        """The program that reads it."""
        return HOST_PROGRAMS[self.group]


def list_registrations() -> list[Registration]:
    """Return the entry points of the installed package, sorted by group and name."""
    from importlib.metadata import distribution

    groups = list(HOST_PROGRAMS)
    found = (
        Registration(each.group, each.name, each.value)
        for each in distribution(DISTRIBUTION).entry_points
        if each.group in groups
    )
    return sorted(found, key=lambda each: (groups.index(each.group), each.name.lower()))
