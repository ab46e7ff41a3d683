"""A local stand-in of the Apertis Audio API with real engines, for demos and tests offline.

Needs the extra `sandbox`; see docs/sandbox.md for what is real and what is not. Speech synthesis
uses espeak-ng, which is under the GNU General Public License, version 3.
"""

try:
    import espeakng_loader  # noqa: F401
    import python_multipart  # noqa: F401
    import starlette  # noqa: F401
    import uvicorn  # noqa: F401
except ImportError as error:
    raise ImportError(
        'The sandbox needs more packages: pip install "apertis-audio-tools[sandbox]".'
    ) from error

from apertis_audio_tools.sandbox.beacons import Beacons
from apertis_audio_tools.sandbox.engines import ENGINES, EngineName
from apertis_audio_tools.sandbox.recognition import Heard, PocketSphinx, Recogniser
from apertis_audio_tools.sandbox.server import Sandbox, serve

__all__ = [
    "ENGINES",
    "Beacons",
    "EngineName",
    "Heard",
    "PocketSphinx",
    "Recogniser",
    "Sandbox",
    "serve",
]
