"""Run one client against the faults whose numbers are read from standard input.

`reliability.py` starts it. It prints a line once everything is loaded and was used once. For each
number it writes a line of JSON: the client's mistakes, or null if the client has no such call.
"""

import argparse
import json
import logging
import resource
import sys
import tempfile
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from other_clients import NotOfferedError, Sdk

from apertis_audio_tools.pipeline.model_directory import ModelDirectory, ModelLifecycles
from support.faults.all_faults import CASES, NOTHING
from support.faults.fault import find_mistakes
from support.faults.fault_runner import FaultClient, run_fault
from support.faults.invalid_responses import bomb
from support.faults.our_client import OurClient

MAX_MEMORY = 3 * 1024**3
"""Bytes of address space, which a client that reads an endless response exhausts."""


def make_client(name: str, *, is_async: bool) -> FaultClient:
    """Return the client of a name."""
    match name:
        case "openai":
            return Sdk("openai", ("OpenAI", "AsyncOpenAI"), "OpenAIError", is_async=is_async)
        case "apertis":
            return Sdk("apertis", ("Apertis", "AsyncApertis"), "ApertisError", is_async=is_async)
        case _:
            _ask_for_no_models()
            return OurClient(is_async=is_async)


def _ask_for_no_models() -> None:
    """Let our client, which is not told a model, not ask which ones the service has."""

    def lifecycles(self: ModelDirectory) -> ModelLifecycles:
        return ModelLifecycles(None, self._table)

    async def alifecycles(self: ModelDirectory) -> ModelLifecycles:
        return lifecycles(self)

    ModelDirectory.lifecycles, ModelDirectory.alifecycles = lifecycles, alifecycles  # type: ignore[method-assign]


def mistakes_in(client: FaultClient, number: int) -> list[str] | None:
    """Return the mistakes of a client in a case, or None if it has no such call."""
    fault, endpoint = CASES[number]
    with tempfile.TemporaryDirectory() as folder:
        run = run_fault(client, fault, endpoint, Path(folder))
    if isinstance(run.error, NotOfferedError):
        return None
    return find_mistakes(fault, endpoint, run.observed)


def main() -> None:
    """Run cases until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("client", choices=["ours", "openai", "apertis"])
    parser.add_argument("mode", choices=["sync", "async"])
    arguments = parser.parse_args()
    logging.disable()
    threading.excepthook = lambda _: None
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    client = make_client(arguments.client, is_async=arguments.mode == "async")
    for number, (fault, _) in enumerate(CASES):
        if fault is NOTHING:
            mistakes_in(client, number)
    bomb()
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(mistakes_in(client, int(line))), flush=True)


if __name__ == "__main__":
    main()
