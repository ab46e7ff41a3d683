"""Options that say how speakers are told apart: by channel, by track, or by a diarizer."""

from array import array  # noqa: TC003  # type hints are read at run time
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, Protocol, TypeAlias, get_args, runtime_checkable

from apertis_audio_tools.errors import ConfigurationError, UnsupportedError

SpeakerSource = Literal["channels", "tracks"]
"""Signals of a recording that hold one speaker each."""


class SpeakerSpan(NamedTuple):
    """A part of a recording in which one speaker speaks, from `start` to `end` in seconds."""

    start: float
    end: float
    speaker: str


@runtime_checkable
class Diarizer(Protocol):
    """A function that tells speakers apart by their voices, on this machine.

    Any callable with these arguments is one; this package has none of its own.
    """

    def __call__(
        self, samples: "array[float]", rate: int, /
    ) -> Iterable[SpeakerSpan | tuple[float, float, str]]:
        """Return who speaks when: start and end in seconds, and a label; they may overlap.

        Args:
            samples: The recording in one channel, as 32-bit floats from -1 to 1. It has a buffer
                for ``numpy.frombuffer(samples, "float32")``; an hour takes 230 MB.
            rate: Sample rate in Hz: 16,000.
        """


Speakers: TypeAlias = SpeakerSource | Diarizer
"""Ways to tell speakers apart."""


def require_speaker_options(
    speakers: object,
    names: object,
    channels: object,
    track: object,
) -> None:
    """Raise `ConfigurationError` for options of speakers that are invalid or contradict others."""
    if speakers is None:
        for name, value in {"speaker_names": names, "channels": channels}.items():
            if value is not None:
                raise ConfigurationError(f'{name} needs speakers, such as speakers="channels".')
        return
    if isinstance(speakers, str):
        _require_source(speakers, channels)
    elif not callable(speakers):
        raise ConfigurationError(
            f"speakers is {speakers!r:.100}; it is channels, tracks, a diarizer or None."
        )
    elif names is not None or channels is not None:
        raise ConfigurationError(
            'speaker_names and channels are for speakers="channels"; a diarizer names speakers '
            "itself."
        )
    if track != "default":
        raise ConfigurationError("speakers and track exclude each other; leave out one of them.")
    if names is not None:
        _require_names(names)
    if channels is not None:
        _require_channels(channels)


def require_name_count(names: Sequence[str] | None, count: int, source: SpeakerSource) -> None:
    """Raise `UnsupportedError` unless there is a name for each channel or track, or none."""
    if names is not None and len(names) != count:
        raise UnsupportedError(
            f"There are {len(names)} speaker_names for {count} {source}; pass a name for each."
        )


def _require_source(speakers: str, channels: object) -> None:
    if speakers not in get_args(SpeakerSource):
        raise ConfigurationError(
            f"speakers is {speakers!r:.100}; it is channels, tracks, a diarizer or None."
        )
    if channels is not None and speakers != "channels":
        raise ConfigurationError('channels needs speakers="channels".')


def _require_names(names: object) -> None:
    is_list = isinstance(names, Sequence) and not isinstance(names, str) and names
    if not is_list or not all(isinstance(each, str) and each.strip() for each in names):  # type: ignore[attr-defined]
        raise ConfigurationError(
            f"speaker_names is {names!r:.100}; it is a list of names, none of them empty."
        )


def _require_channels(channels: object) -> None:
    is_list = isinstance(channels, Sequence) and not isinstance(channels, str) and channels
    if not is_list or not all(map(_is_index, channels)):  # type: ignore[call-overload]
        raise ConfigurationError(
            f"channels is {channels!r:.100}; it is a list of indexes of channels, from 0 on."
        )
    if len(set(channels)) < len(channels):  # type: ignore[call-overload, arg-type]
        raise ConfigurationError(f"channels is {channels!r:.100}; it names a channel twice.")


def _is_index(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
