"""A server behaviour that transcribes every recording as text derived from its digest."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from support.loopback_server import Behaviour, Exchange
from support.piece_recogniser import uploaded_file
from support.wav_files import write_silent_wav

SEGMENT_COUNT = 3
"""Number of segments in a response."""
RECORDING_COUNT = 8
"""Number of recordings in a folder."""


def expected_text(content: bytes, part: int) -> str:
    """Return the text of one segment of a recording."""
    name = hashlib.sha256(content).hexdigest()[:8]
    return f"Recording {name} says its part {part}."


def recognise_by_digest(
    before: Callable[[Exchange], object] = lambda _exchange: None,
    parts: int | Callable[[bytes], int] = SEGMENT_COUNT,
) -> Behaviour:
    """Return a behaviour that responds with the text derived from the uploaded recording.

    Args:
        before: Called before each response; it may block.
        parts: Number of segments in each response, ten seconds apart, or a function that returns
            it for a recording.
    """

    def behave(exchange: Exchange) -> None:
        exchange.read_body()
        before(exchange)
        content = uploaded_file(exchange.received.body)
        count = parts if isinstance(parts, int) else parts(content)
        texts = [expected_text(content, part) for part in range(count)]
        segments = [
            {"id": part, "start": 10.0 * part, "end": 10.0 * part + 9, "text": f" {text}"}
            for part, text in enumerate(texts)
        ]
        fields = {"text": " ".join(texts), "language": "english", "duration": 10.0 * count}
        body = json.dumps({**fields, "segments": segments}).encode()
        headers = {"content-type": "application/json", "content-length": str(len(body))}
        exchange.write_head(200, headers, body)

    return behave


def write_recordings(folder: Path, count: int = RECORDING_COUNT) -> list[Path]:
    """Write `count` different recordings of 32 s and return their paths, by their names."""
    folder.mkdir(exist_ok=True)
    return [
        write_silent_wav(folder / f"meeting{number}.wav", 64_000 + 2 * number, rate=1000)
        for number in range(count)
    ]
