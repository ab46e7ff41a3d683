"""Transcribe a corpus on a cluster of Ray, and write its passages as Parquet.

    python examples/ray_corpus.py examples/data passages --sandbox
    python examples/ray_corpus.py "s3://meetings/2027/*.mp3" s3://corpus/passages \
        --cache s3://corpus/transcripts --workers 16 --max-cost 50

This needs ``apertis-audio-tools[ray]``, and s3fs for ``s3://``; ``--sandbox`` needs the extra
``sandbox``. It runs on this machine, or on the cluster that ``RAY_ADDRESS`` names. After a failure,
start it again: what the cache has is not paid for twice.
"""

import argparse
import contextlib
import sys
from collections.abc import Sequence

import ray
from pyarrow import parquet

from apertis_audio_tools import ApertisError
from apertis_audio_tools.ray import transcribe_dataset


def summarise(passages: str) -> str:
    """Return each failure, the number of passages, and what they cost."""
    rows = parquet.read_table(passages, columns=["source", "cost", "error"]).to_pylist()
    failures = [f"{row['source']} failed: {row['error']}" for row in rows if row["error"]]
    cost = sum(row["cost"] or 0.0 for row in rows)
    summary = f"Passages: {len(rows) - len(failures)}. Cost: ${cost:.4f}."
    return "\n".join([*failures, summary])


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("recordings", help="a file, a folder, or a URL such as s3://bucket/*.mp3")
    parser.add_argument("passages", help="folder or URL for the Parquet files")
    parser.add_argument("--cache", metavar="URL", help="folder for transcripts that workers share")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--max-cost", type=float, metavar="DOLLARS")
    parser.add_argument(
        "--sandbox", action="store_true", help="use a local stand-in, without a key"
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Transcribe a corpus."""
    options = parse_arguments(arguments)
    with contextlib.ExitStack() as stack:
        try:
            key, url = None, None
            if options.sandbox:
                from apertis_audio_tools.sandbox import Sandbox

                key, url = "sk-sandbox", stack.enter_context(Sandbox())
            ray.init(logging_level="warning")
            stack.callback(ray.shutdown)
            transcribe_dataset(
                options.recordings,
                workers=options.workers,
                api_key=key,
                base_url=url,
                cache=options.cache,
                max_cost=options.max_cost,
            ).write_parquet(options.passages)
            print(summarise(options.passages))
        except ApertisError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
