"""How far the transcription of recordings has come."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from apertis_audio_tools.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known each time a recording is finished, or a piece of one that is cut.

    Attributes:
        done: Recordings that are finished, with those that failed.
        failed: Those that failed.
        total: Of all recordings; None when `sources` does not say how many it has.
        label: What the recording that was last finished is called; nothing before the first is.
        seconds: Of sound that are transcribed, with the pieces of recordings under way.
    """

    done: int = 0
    failed: int = 0
    total: int | None = None
    label: str = ""
    seconds: float = 0.0


ProgressCallback = Callable[[Progress], object]


@dataclass(frozen=True, slots=True)
class ProgressReporter:
    """Who hears of progress: nobody, a bar on standard error, or the caller's own function.

    Raises:
        ConfigurationError: The bar needs a package that is not installed.
    """

    wanted: bool | ProgressCallback
    _bar: Any = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        if self.wanted is True:
            object.__setattr__(self, "_bar", _tqdm())

    @contextlib.contextmanager
    def begun(self, total: int | None) -> Iterator[ProgressCallback]:
        """Whom to tell, while it goes on."""
        if callable(self.wanted):
            yield self.wanted
        elif self._bar is None:
            yield lambda _: None
        else:
            with self._bar(total=total, unit="recording") as bar:
                yield lambda progress: _show(bar, progress)


def _show(bar: Any, progress: Progress) -> None:
    minutes = f"{progress.seconds / 60:.0f} min of sound"
    bar.set_postfix_str(f"{minutes}, {progress.failed} failed" if progress.failed else minutes)
    bar.update(progress.done - bar.n)


def _tqdm() -> Any:
    try:
        from tqdm import tqdm  # type: ignore[import-untyped]
    except ImportError:
        raise ConfigurationError(
            "A progress bar needs tqdm: pip install 'apertis-audio-tools[progress]'."
        ) from None
    return tqdm
