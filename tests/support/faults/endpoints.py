"""Uses of the service: the correct response to each, and the result a client returns."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from support.loopback_server import Behaviour
from support.scripted_responses import respond
from support.wav_files import wav_bytes

TEXT, WORDS = "Hello.", "one two"
AUDIO = (Path(__file__).parents[2] / "clips" / "clip.mp3").read_bytes()
JSON, EVENTS, MPEG = "application/json", "text/event-stream", "audio/mpeg"
CLIP_BYTES = 30_000


@cache
def recording(size: int = CLIP_BYTES) -> bytes:
    """Return the recording to send: a wav file of about `size` bytes.

    Samples of a large one have 32 bits, so that it is sent as it is.
    """
    return wav_bytes(bytes(size), sample_bytes=2 if size == CLIP_BYTES else 4)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One use of the service.

    Attributes:
        name: Name in the tables.
        media_type: Media type of a correct response.
        body: Body of a correct response.
        value: Result of a correct response: text, or bytes of audio.
        required_content: Function that returns the bytes that the body of a whole request contains,
            for a recording of a given size.
    """

    name: str
    media_type: str
    body: bytes
    value: str | bytes
    required_content: Callable[[int], bytes]

    @property
    def success(self) -> Behaviour:
        """Behaviour that sends the correct response."""
        return respond(200, self.body, self.media_type)


def _event(content: str, reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": reason}
    chunk = {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [choice],
    }
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


_COMPLETION = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": WORDS},
            "finish_reason": "stop",
        }
    ],
}


def _quoted_text(_: int) -> bytes:
    return f'"{TEXT}"'.encode()


def _clip(size: int) -> bytes:
    return base64.b64encode(recording(size))


TRANSCRIBE = Endpoint("transcribe", JSON, json.dumps({"text": WORDS}).encode(), WORDS, recording)
SPEAK = Endpoint("speak", MPEG, AUDIO, AUDIO, _quoted_text)
STREAM_SPEECH = Endpoint("stream speech", MPEG, AUDIO, AUDIO, _quoted_text)
SAVE_SPEECH = Endpoint("save speech", MPEG, AUDIO, AUDIO, _quoted_text)
CHAT = Endpoint("chat", JSON, json.dumps(_COMPLETION).encode(), WORDS, _clip)
STREAM_CHAT = Endpoint(
    "stream chat",
    EVENTS,
    _event(WORDS[:3]) + _event(WORDS[3:], "stop") + b"data: [DONE]\n\n",
    WORDS,
    _quoted_text,
)

ALL = (TRANSCRIBE, SPEAK, STREAM_SPEECH, SAVE_SPEECH, CHAT, STREAM_CHAT)
IN_JSON = (TRANSCRIBE, CHAT)
SPOKEN = (SPEAK, STREAM_SPEECH, SAVE_SPEECH)
BUFFERED = (TRANSCRIBE, SPEAK, SAVE_SPEECH, CHAT)
"""Endpoints that return nothing before the response is complete, and so can be retried."""
STREAMED = (STREAM_SPEECH, STREAM_CHAT)
ONE_OF_EACH = (TRANSCRIBE, SAVE_SPEECH, STREAM_CHAT)
"""One endpoint for each way to consume a response: buffered, to a file, as a stream."""
