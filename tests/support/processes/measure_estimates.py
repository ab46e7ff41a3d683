"""A process that transcribes a short and a long recording with a model that returns no times.

Its arguments are the base URL and the two recordings. It writes JSON: the peak of its memory in
bytes after the short one, the growth for the long one, and the number of segments of that.
"""

import json
import resource
import sys
from pathlib import Path

from apertis_audio_tools import ApertisAudio


def _peak() -> int:
    """Return the most bytes in memory; on Linux, those of the parent do not count."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024


def main() -> None:
    """Transcribe both recordings."""
    url, short, long = sys.argv[1:]
    with ApertisAudio("sk-anybody", base_url=url, max_concurrency=2) as audio:
        audio.transcribe(short, model="gpt-4o-transcribe")
        before = _peak()
        transcript = audio.transcribe(long, model="gpt-4o-transcribe")
    figures = {"peak": before, "growth": _peak() - before, "segments": len(transcript.segments)}
    sys.stdout.write(json.dumps(figures))


if __name__ == "__main__":
    main()
