"""A process that meets hostile responses and writes what became of each call, and what it cost.

Its arguments are a base URL and a range of numbers. For each number and form it writes a line of
JSON: number, form, outcome, growth of memory in bytes, seconds of the processor, seconds.
"""

import faulthandler
import json
import pickle
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pydantic import BaseModel

sys.path.insert(0, str(Path(__file__).parents[2]))

from apertis_audio_tools import ApertisAudio, Outcome, Transcript
from apertis_audio_tools.errors import APIError
from support.hostile.response_corpus import HostileExchange, hostile_exchange
from support.processes.measure_responses import peak, reset_peak
from support.sync_async import RUNS, Run
from support.wav_files import silent_wav

KEY = "key-of-a-test"
HANG_SECONDS = 60.0
"""Time after which the process says where it hangs, and ends."""
_SILENCE_SECONDS = 1.0
_MAX_MESSAGE = 2000
_CLIP = ("talk.wav", silent_wav(3200))


def arguments(verb: str, folder: Path) -> list[Any]:
    """Return the arguments of a call."""
    values: dict[str, list[Any]] = {
        "transcribe": [_CLIP],
        "translate": [_CLIP],
        "transcribe_many": [[_CLIP]],
        "save_speech": ["Hello.", folder / "speech.mp3"],
        "models": [],
    }
    return values.get(verb, ["Hello?"])


def _options(exchange: HostileExchange) -> dict[str, Any]:
    """Return the options of a call, with a model, so that no list of models is requested."""
    if exchange.verb == "models":
        return exchange.options
    kinds = {"transcribe": "whisper-1", "translate": "whisper-1", "transcribe_many": "whisper-1"}
    speech = dict.fromkeys(("speak", "stream_speech", "save_speech"), "tts-1")
    model = (kinds | speech).get(exchange.verb, "gpt-audio")
    return {"model": model, **exchange.options}


def outcome(run: Run, url: str, exchange: HostileExchange, folder: Path) -> str:
    """Return the kind of result or error of a call; a fault begins with FAULT."""
    audio = ApertisAudio(KEY, base_url=url, max_retries=0, timeout=_SILENCE_SECONDS, deadline=4.0)
    try:
        with audio:
            result = call(run, audio, exchange, folder)
        check_result(result)
    except Exception as error:  # noqa: BLE001  # this is what is looked for
        return f"FAULT {error!r:.300}"
    return type(result).__name__


def call(run: Run, audio: ApertisAudio, exchange: HostileExchange, folder: Path) -> Any:
    """Return the result or the error of a call."""
    try:
        return run(audio, exchange.verb, *arguments(exchange.verb, folder), **_options(exchange))
    except APIError as error:
        return error


def check_result(result: Any) -> None:
    """Raise an error if a result cannot be written, or an error cannot be shown."""
    for each in result if isinstance(result, list | tuple) else [result]:
        value = each.error or each.transcript if isinstance(each, Outcome) else each
        if isinstance(value, BaseException):
            check_error(value)
        elif isinstance(value, BaseModel):
            value.model_dump_json().encode()
        if isinstance(value, Transcript):
            check_transcript(value)


def check_transcript(transcript: Transcript) -> None:
    """Write a transcript in all formats."""
    texts = [transcript.to_srt(), transcript.to_vtt(), transcript.to_timecoded()]
    "".join([*texts, transcript.to_json(), transcript._repr_html_()]).encode()


def check_error(error: BaseException) -> None:
    """Raise an error if the error is not one short line without the key, or cannot be copied."""
    assert isinstance(error, APIError), repr(error)
    assert 0 < len(str(error)) < _MAX_MESSAGE, len(str(error))
    assert str(error).isprintable(), ascii(str(error))
    assert KEY not in str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def main() -> None:
    """Write a line for each number and form."""
    url, first, last = sys.argv[1], *map(int, sys.argv[2:])
    with tempfile.TemporaryDirectory() as name:
        for number in range(first, last):
            for form, run in RUNS.items():
                exchange = hostile_exchange(number)
                faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
                before, processor, began = reset_peak(), time.process_time(), time.monotonic()
                kind = outcome(run, f"{url}/{number}", exchange, Path(name))
                costs = peak() - before, time.process_time() - processor, time.monotonic() - began
                sys.stdout.write(json.dumps([number, form, kind, *costs]) + "\n")
                sys.stdout.flush()
                for path in Path(name).iterdir():
                    path.unlink()


if __name__ == "__main__":
    main()
