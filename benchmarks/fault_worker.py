"""One client goes through the faults whose numbers are read from standard input.

`reliability.py` starts it. When everything is loaded and was used once, it says so. For each number
it writes a line of JSON: what was not right, or null where the client has no such call.
"""

import json
import logging
import resource
import sys
import tempfile
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from other_clients import NotOfferedError, Sdk

from support.faults.all_faults import CASES, NOTHING
from support.faults.fault import complaints
from support.faults.fault_runner import Player, watched
from support.faults.invalid_responses import bomb
from support.faults.our_client import Ours

MOST_MEMORY = 3 * 1024**3
"""Bytes of address space: who takes an answer without end runs into it."""


def player(name: str, *, is_async: bool) -> Player:
    """The client of that name."""
    match name:
        case "openai":
            return Sdk("openai", ("OpenAI", "AsyncOpenAI"), "OpenAIError", is_async=is_async)
        case "apertis":
            return Sdk("apertis", ("Apertis", "AsyncApertis"), "ApertisError", is_async=is_async)
        case _:
            return Ours(is_async=is_async)


def verdict(client: Player, number: int) -> list[str] | None:
    """What was not right."""
    fault, endpoint = CASES[number]
    with tempfile.TemporaryDirectory() as folder:
        found = watched(client, fault, endpoint, Path(folder))
    if isinstance(found.error, NotOfferedError):
        return None
    return complaints(fault, endpoint, found.seen)


def main() -> None:
    """Until there are no more numbers."""
    logging.disable()
    threading.excepthook = lambda _: None
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    client = player(sys.argv[1], is_async=sys.argv[2] == "async")
    for number, (fault, _) in enumerate(CASES):
        if fault is NOTHING:
            verdict(client, number)
    bomb()
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(verdict(client, int(line))), flush=True)


if __name__ == "__main__":
    main()
