"""The only package that imports httpx: pools, streamed bodies, time limits, size caps.

Knows nothing of endpoints or retries: a request value goes in; an answer value, or one of this
package's errors, comes out, in both colours.
"""

from apertis_audio_tools.transport.http import Transport
from apertis_audio_tools.transport.sync_backend import CancelToken

__all__ = ["CancelToken", "Transport"]
