"""Answer thousands of calls with hostile responses, and measure their time and memory.

    python benchmarks/fuzz_responses.py --first 0 --count 5000

Each call has to end in an error of this package or a result, sync and async alike. Otherwise, or if
it hangs or takes too much memory or time of the processor, it is a fault.
"""

import argparse
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parent.parent / "tests"
sys.path.insert(0, str(TESTS))

from support.hostile.response_corpus import hostile_exchange  # noqa: E402  # see above
from support.loopback_server import Exchange, LoopbackServer  # noqa: E402

CLIENT = TESTS / "support" / "processes" / "fuzz_responses.py"
_MIB = 1 << 20
_NUMBER = re.compile(r"/v1/(\d+)/")


@dataclass(frozen=True, slots=True)
class Call:
    """Outcome of a call, and its costs: bytes, seconds of the processor, and seconds."""

    number: int
    form: str
    outcome: str
    memory: int
    processor: float
    seconds: float

    def faults(self, options: argparse.Namespace) -> Iterator[str]:
        """Yield a phrase for each fault of the call."""
        if self.outcome.startswith("FAULT"):
            yield self.outcome
        if (
            self.memory > options.mib * _MIB
            or self.processor > options.processor
            or self.seconds > options.seconds
        ):
            costs = f"{self.memory / _MIB:.0f} MiB, {self.processor:.1f} s of the processor"
            yield f"{costs}, {self.seconds:.1f} s"


def respond(exchange: Exchange) -> None:
    """Respond as the number in the path demands."""
    number = _NUMBER.search(exchange.received.target)
    assert number is not None  # noqa: S101  # the client puts it there
    hostile_exchange(int(number[1])).behave(exchange)


def calls(first: int, count: int) -> Iterator[Call]:
    """Yield what became of each call; a process that ends early is a fault of its next call."""
    last = first + count
    with LoopbackServer([respond]) as server:
        while first < last:
            command = [sys.executable, str(CLIENT), server.url, str(first), str(last)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  # our own command
                assert process.stdout is not None  # noqa: S101  # it is a pipe
                for line in process.stdout:
                    call = Call(*json.loads(line))
                    first = call.number + (call.form == "async")
                    yield call
                    server.requests.clear()
            if first < last:
                yield Call(first, "?", f"FAULT exit {process.returncode}", 0, 0.0, 0.0)
                first += 1


def main() -> None:
    """Process all responses, print the faults and a summary, and exit with the number of faults."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--first", type=int, default=0, help="number of the first response")
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--mib", type=int, default=200, help="limit of memory over the baseline")
    parser.add_argument("--processor", type=float, default=5.0, help="limit in seconds")
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="limit of a call, whose deadline is 4 s"
    )
    options = parser.parse_args()
    outcomes: Counter[str] = Counter()
    faults, done = 0, [Call(0, "", "", 0, 0.0, 0.0)]
    for call in calls(options.first, options.count):
        outcomes[call.outcome.partition(" ")[0]] += 1
        done.append(call)
        for fault in call.faults(options):
            faults += 1
            print(f"{hostile_exchange(call.number).name} {call.form}: {fault}", flush=True)
    print(f"{options.count} responses, {len(done) - 1} calls, {faults} faults")
    print(", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common()))
    for unit, name in (("memory", "bytes"), ("processor", "s"), ("seconds", "s")):
        most = max(done, key=lambda call: getattr(call, unit))
        print(f"most {unit}: {getattr(most, unit):.3g} {name} (#{most.number} {most.form})")
    sys.exit(min(faults, 1))


if __name__ == "__main__":
    main()
