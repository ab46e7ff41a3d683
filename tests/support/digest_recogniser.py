"""A loopback server that hears words of its own in every recording, which it knows by its bytes."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from support.loopback import Behaviour, Exchange
from support.piece_recogniser import sent_file
from support.wav_files import silent_file

PARTS = 3
"""The segments of an answer."""
COUNT = 8
"""The recordings in a folder."""


def words_in(content: bytes, part: int) -> str:
    """What is said in a part of a recording."""
    name = hashlib.sha256(content).hexdigest()[:8]
    return f"Recording {name} says its part {part}."


def hears(
    before: Callable[[Exchange], object] = lambda _exchange: None, parts: int = PARTS
) -> Behaviour:
    """Answers every request with the words of what was sent.

    Args:
        before: What it does before it answers; it may block.
        parts: The segments of each answer, ten seconds apart.
    """

    def behave(exchange: Exchange) -> None:
        exchange.read_body()
        before(exchange)
        content = sent_file(exchange.received.body)
        said = [words_in(content, part) for part in range(parts)]
        segments = [
            {"id": part, "start": 10.0 * part, "end": 10.0 * part + 9, "text": f" {text}"}
            for part, text in enumerate(said)
        ]
        answer = {"text": " ".join(said), "language": "english", "duration": 10.0 * parts}
        body = json.dumps({**answer, "segments": segments}).encode()
        about = {"content-type": "application/json", "content-length": str(len(body))}
        exchange.write_head(200, about, body)

    return behave


def recordings_in(folder: Path, count: int = COUNT) -> list[Path]:
    """So many different recordings, in the order of their names."""
    folder.mkdir(exist_ok=True)
    return [
        silent_file(folder / f"meeting{number}.wav", 3200 + 2 * number) for number in range(count)
    ]
