"""The recognisers of the sandbox by name."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, Literal

from apertis_audio_tools.sandbox.beacons import BeaconRecogniser
from apertis_audio_tools.sandbox.pocketsphinx_recogniser import PocketSphinx
from apertis_audio_tools.sandbox.recognition import Recogniser

RecogniserName = Literal["pocketsphinx", "beacon"]
RECOGNISERS: Final[Mapping[str, Callable[[], Recogniser]]] = {
    "pocketsphinx": PocketSphinx,
    "beacon": BeaconRecogniser,
}


@contextmanager
def open_recogniser(recogniser: Recogniser | RecogniserName) -> Iterator[Recogniser]:
    """Yield the given recogniser, which its owner closes, or make a named one and close it.

    Raises:
        ImportError: If pocketsphinx is requested and not installed.
        ValueError: If no recogniser has this name.
    """
    if not isinstance(recogniser, str):
        yield recogniser
        return
    if recogniser not in RECOGNISERS:
        raise ValueError(f"There is no recogniser {recogniser!r}, only: {', '.join(RECOGNISERS)}.")
    made = RECOGNISERS[recogniser]()
    try:
        yield made
    finally:
        if isinstance(made, PocketSphinx):
            made.close()
