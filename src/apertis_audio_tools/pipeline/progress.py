"""Report how many recordings of a batch are finished."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, Self

from apertis_audio_tools.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Progress:
    """State of a batch, reported when a recording or a piece of one is finished.

    Attributes:
        done: Number of finished recordings, including those that failed.
        failed: Number of recordings that failed.
        total: Number of all recordings; None if `sources` has no length.
        label: Name of the recording that finished last; empty before the first one.
        seconds: Seconds of audio that are transcribed, including pieces of unfinished recordings.
    """

    done: int = 0
    failed: int = 0
    total: int | None = None
    label: str = ""
    seconds: float = 0.0


ProgressCallback = Callable[[Progress], object]


class _ProgressBar(Protocol):
    n: float

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> object: ...
    def set_postfix_str(self, s: str) -> object: ...
    def update(self, n: float) -> object: ...


class ProgressReporter:
    """Reporter of progress: to a bar on standard error, to a callback, or not at all.

    A bar raises `ConfigurationError` if its package is not installed.
    """

    def __init__(self, progress: bool | ProgressCallback) -> None:  # noqa: FBT001  # as tqdm's
        self.progress = progress
        self._bar = _import_tqdm() if progress is True else None

    @contextlib.contextmanager
    def open(self, total: int | None) -> Iterator[ProgressCallback | None]:
        """Yield the function to call with each progress, if any; a bar is closed at the end."""
        if callable(self.progress):
            yield self.progress
        elif self._bar is None:
            yield None
        else:
            with self._bar(total=total, unit="recording") as bar:
                yield lambda progress: _update_bar(bar, progress)


def _update_bar(bar: _ProgressBar, progress: Progress) -> None:
    minutes = f"{progress.seconds / 60:.0f} min of audio"
    bar.set_postfix_str(f"{minutes}, {progress.failed} failed" if progress.failed else minutes)
    bar.update(progress.done - bar.n)


def _import_tqdm() -> Callable[..., _ProgressBar]:
    try:
        from tqdm import tqdm  # type: ignore[import-untyped]
    except ImportError:
        raise ConfigurationError(
            "A progress bar needs tqdm: pip install 'apertis-audio-tools[progress]'."
        ) from None
    bar: Callable[..., _ProgressBar] = tqdm
    return bar
