"""What carries calls to the service and back, blocking and awaiting.

Everything that decides lives in the calls, the jobs, the batches and the retry policy. Here are
only the loops: `sending` one call, `carrying` one recording, `together` many of them; and the
`threads` that they use.
"""

from apertis_audio_tools.drivers.together import Drivers

__all__ = ["Drivers"]
