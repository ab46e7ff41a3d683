"""Everything public that accepts an API key, found in the modules of the package."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import apertis_audio_tools
from apertis_audio_tools import FileAccess
from apertis_audio_tools.adapters.client_handle import ClientOptions, LazyClient

Constructor = Callable[..., Any]
_HOSTS = ("apertis_audio_tools.plugins.", "apertis_audio_tools.ray.")
"""Modules that need a host program or Ray, which have to be installed to import them."""
_TRANSPORT = "apertis_audio_tools.transport"
"""Its functions take only a `SecretStr`."""


def constructors() -> dict[str, Constructor]:
    """Return the public classes and functions that accept a plain key, by name."""
    found: dict[str, Constructor] = {}
    for module in _modules():
        for name, value in vars(importlib.import_module(module)).items():
            is_own = getattr(value, "__module__", None) == module and not name.startswith("_")
            is_usable = callable(value) and not inspect.isabstract(value)
            if is_own and is_usable and "api_key" in settings_of(value):
                found[name] = value
    found["LazyClient"] = lambda **options: LazyClient(None, cast("ClientOptions", options)).client
    return found


def settings_of(constructor: Constructor) -> list[str]:
    """Return the names of the arguments, those of unpacked options as well."""
    try:
        parameters = inspect.signature(constructor).parameters
    except (TypeError, ValueError):
        return []
    names = {*parameters, *getattr(constructor, "model_fields", ())}
    for parameter in parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD and "Options" in str(parameter.annotation):
            names |= {*ClientOptions.__annotations__}
    return sorted(names)


def required_arguments(constructor: Constructor, folder: Path) -> dict[str, Any]:
    """Return arguments without which nothing can be made."""
    values: dict[str, Any] = {
        "paths": folder,
        "access": FileAccess(folder, output=folder / "spoken"),
        "inputs": folder,
    }
    names = settings_of(constructor)
    if "inputs" in names:
        del values["access"]
    return {name: value for name, value in values.items() if name in names}


def _modules() -> Iterator[str]:
    for found in pkgutil.walk_packages(apertis_audio_tools.__path__, "apertis_audio_tools."):
        is_wanted = not found.name.startswith(_TRANSPORT) and not found.name.endswith("__main__")
        if is_wanted and _can_import(found.name):
            yield found.name


def _can_import(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ImportError:
        if not module.startswith(_HOSTS):
            raise
        return False
    return True
