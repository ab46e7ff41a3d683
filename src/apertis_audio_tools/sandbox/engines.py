"""The recognisers that the sandbox brings along, by name."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, Literal

from apertis_audio_tools.sandbox.beacons import Beacons
from apertis_audio_tools.sandbox.recognition import PocketSphinx, Recogniser

EngineName = Literal["pocketsphinx", "beacon"]
ENGINES: Final[Mapping[str, Callable[[], Recogniser]]] = {
    "pocketsphinx": PocketSphinx,
    "beacon": Beacons,
}


@contextmanager
def engine(recogniser: Recogniser | EngineName) -> Iterator[Recogniser]:
    """The given engine, which its owner closes, or one of ours, closed when it is left.

    Raises:
        ImportError: There is no pocketsphinx, and it was asked for.
        ValueError: No engine has this name.
    """
    if not isinstance(recogniser, str):
        yield recogniser
        return
    if recogniser not in ENGINES:
        raise ValueError(f"There is no engine {recogniser!r}, only: {', '.join(ENGINES)}.")
    made = ENGINES[recogniser]()
    try:
        yield made
    finally:
        if isinstance(made, PocketSphinx):
            made.close()
