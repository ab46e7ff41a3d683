"""Recordings in Ray Data: a corpus becomes rows of passages, on the workers of a cluster.

Requires the extra: ``pip install "apertis-audio-tools[ray]"``.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from apertis_audio_tools.ray.dataset import transcribe_dataset
    from apertis_audio_tools.ray.rows import COLUMNS, Row
    from apertis_audio_tools.ray.transcriber import SCHEMA, Transcriber
    from apertis_audio_tools.ray.worker_limits import LimitsLostError

_MODULES = {
    "COLUMNS": "rows",
    "SCHEMA": "transcriber",
    "LimitsLostError": "worker_limits",
    "Row": "rows",
    "Transcriber": "transcriber",
    "transcribe_dataset": "dataset",
}

__all__ = [
    "COLUMNS",
    "SCHEMA",
    "LimitsLostError",
    "Row",
    "Transcriber",
    "transcribe_dataset",
]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = import_module(f"{__name__}.{_MODULES[name]}")
    except ModuleNotFoundError as error:
        if error.name not in {"fsspec", "pyarrow", "ray"}:
            raise
        raise ImportError(f'{name} needs Ray: pip install "apertis-audio-tools[ray]".') from None
    return globals().setdefault(name, getattr(module, name))


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
