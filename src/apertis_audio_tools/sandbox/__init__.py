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
from apertis_audio_tools.sandbox.recognition import Recogniser, SpeechSegment, SpokenWord
from apertis_audio_tools.sandbox.server import RECOGNISERS, RecogniserName, Sandbox, serve
from apertis_audio_tools.sandbox.whisper_recogniser import Whisper

__all__ = [
    "RECOGNISERS",
    "BeaconRecogniser",
    "Recogniser",
    "RecogniserName",
    "Sandbox",
    "SpeechSegment",
    "SpokenWord",
    "Whisper",
    "serve",
]
