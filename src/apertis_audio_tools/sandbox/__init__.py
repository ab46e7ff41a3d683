"""A local stand-in for the Apertis Audio API with real speech engines, for demos and offline tests.

It needs the extra `sandbox`; docs/sandbox.md says what is real and what is not. Speech synthesis
uses espeak-ng, which is licensed under the GNU General Public License, version 3.
"""

try:
    import espeakng_loader  # noqa: F401
    import python_multipart  # noqa: F401
    import starlette  # noqa: F401
    import uvicorn  # noqa: F401
except ImportError as _error:
    raise ImportError(
        'The sandbox needs more packages: pip install "apertis-audio-tools[sandbox]".'
    ) from _error

from apertis_audio_tools.sandbox.beacons import BeaconRecogniser
from apertis_audio_tools.sandbox.pocketsphinx_recogniser import PocketSphinx
from apertis_audio_tools.sandbox.recognition import Recogniser, SpeechSegment
from apertis_audio_tools.sandbox.server import RECOGNISERS, RecogniserName, Sandbox, serve

__all__ = [
    "RECOGNISERS",
    "BeaconRecogniser",
    "PocketSphinx",
    "Recogniser",
    "RecogniserName",
    "Sandbox",
    "SpeechSegment",
    "serve",
]
