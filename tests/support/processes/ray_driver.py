"""A driver that transcribes recordings on a cluster and writes the rows as Parquet.

python ray_driver.py 127.0.0.1:6379 '["recordings"]' rows '{"workers": 2}'
"""

import json
import os
import sys

import ray

from apertis_audio_tools.api.options import TranscriptionOptions
from apertis_audio_tools.ray import transcribe_dataset


def main(address: str, paths: str, folder: str, options: str) -> None:
    """Write the rows of recordings."""
    credentials = {name: each for name, each in os.environ.items() if name.startswith("AWS_")}
    ray.init(address, logging_level="warning", runtime_env={"env_vars": credentials})
    ray.data.DataContext.get_current().enable_progress_bars = False
    transcription = TranscriptionOptions(model="whisper-1")
    passages = transcribe_dataset(json.loads(paths), transcription, **json.loads(options))
    passages.write_parquet(folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
