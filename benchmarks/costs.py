"""Compare estimates with what is billed, and limits with what is billed in spite of faults.

    python benchmarks/costs.py

The first part estimates recordings of many formats and lengths, some of them cached, and sends them
to the sandbox. The second part transcribes random batches with a limit at a service that refuses
requests, breaks connections and loses responses that it has billed. The service counts.
"""

import argparse
import logging
import sys
import tempfile
from pathlib import Path

from apertis_audio_tools.sandbox import Sandbox

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from support.estimated_runs import estimate_and_run
from support.limited_batches import run_limited_batch

_TOLERANCE = 0.02


def compare_estimates(count: int, scale: float) -> bool:
    """Print estimated and billed seconds, and return whether they differ by 2 % at most."""
    worst, estimated, counted = 0.0, 0.0, 0.0
    with Sandbox(recogniser="beacon") as url, tempfile.TemporaryDirectory() as cache:
        for run in estimate_and_run(url, Path(cache), count, scale):
            error = abs(run.estimated - run.counted) / run.counted if run.counted else 0.0
            worst = max(worst, error, float(run.requests != run.sent))
            estimated, counted = estimated + run.estimated, counted + run.counted
            print(
                f"{run.name}: {run.estimated:.2f} s in {run.requests} requests estimated, "
                f"{run.cached_pieces} pieces cached; {run.counted:.2f} s in {run.sent} billed"
            )
    print(
        f"{count} recordings: {estimated:.1f} s estimated, {counted:.1f} s billed, "
        f"worst difference {worst:.2%}"
    )
    return worst <= _TOLERANCE


def check_limits(count: int) -> bool:
    """Print how many random batches stayed below their limits; return whether all did."""
    batches = [run_limited_batch(seed) for seed in range(count)]
    kept = [each for each in batches if each.billed <= each.limit]
    stopped = [each for each in batches if each.is_stopped]
    share = sum(each.billed / each.limit for each in stopped) / max(len(stopped), 1)
    print(
        f"{len(kept)} of {count} batches below their limits; {len(stopped)} were stopped, at "
        f"{share:.0%} of the limit on average; {sum(each.requests for each in batches)} requests"
    )
    return len(kept) == count


def main() -> None:
    """Run both parts, and exit with 1 if an estimate or a limit was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recordings", type=int, default=20, help="recordings to estimate")
    parser.add_argument("--scale", type=float, default=10.0, help="factor of their lengths")
    parser.add_argument("--batches", type=int, default=100, help="random batches with a limit")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    is_right = compare_estimates(arguments.recordings, arguments.scale)
    is_kept = check_limits(arguments.batches)
    sys.exit(not (is_right and is_kept))


if __name__ == "__main__":
    main()
