"""What this package registers with other programs, and whether they are there."""

from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import distribution
from importlib.util import find_spec
from typing import Any

DISTRIBUTION = "apertis-audio-tools"


@dataclass(frozen=True, slots=True)
class Host:
    """A program that an entry point is for, or a framework that it needs.

    Attributes:
        name: What people call it.
        module: What is there when it is installed.
        install: How it gets there.
    """

    name: str
    module: str
    install: str

    @property
    def is_installed(self) -> bool:
        """Found without importing it; only the folder that several packages share is opened."""
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
"""Who reads which group of entry points."""


def load_component(package: str, home: str, name: str) -> Any:
    """Something public of a package in the shapes of a framework, from the module that has it.

    Raises:
        ImportError: The framework is not installed; it names the extra.
    """
    reader = HOST_PROGRAMS[package]
    try:
        module = import_module(f"{package}.{home}")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != reader.module.partition(".")[0]:
            raise
        raise ImportError(f"{reader.name} is not installed: {reader.install}.") from None
    return getattr(module, name)


@dataclass(frozen=True, slots=True)
class Registration:
    """An entry point of this package.

    Attributes:
        group: Who looks for it: a key of `READERS`.
        name: What it is called there.
        value: What is loaded, as ``module`` or ``module:name``.
    """

    group: str
    name: str
    value: str

    @property
    def reader(self) -> Host:
        """Whom it is for."""
        return HOST_PROGRAMS[self.group]


def registrations() -> list[Registration]:
    """The entry points of the installed package, group by group."""
    points = distribution(DISTRIBUTION).entry_points
    known = (Registration(each.group, each.name, each.value) for each in points)
    return sorted(
        (each for each in known if each.group in HOST_PROGRAMS),
        key=lambda each: (list(HOST_PROGRAMS).index(each.group), each.name.lower()),
    )
