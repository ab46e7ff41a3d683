"""What can be asked of a service: how a right answer looks, and what a client makes of it."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from support.loopback import Behaviour
from support.scripted_responses import answer
from support.wav_files import silence_of

TEXT, WORDS = "Hello.", "one two"
SOUND = (Path(__file__).parents[2] / "clips" / "clip.mp3").read_bytes()
JSON, EVENTS, MPEG = "application/json", "text/event-stream", "audio/mpeg"
CLIP_BYTES = 30_000


@cache
def recording(size: int = CLIP_BYTES) -> bytes:
    """What is sent where a recording is: a wav of that many bytes."""
    return silence_of(size)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One use of the service.

    Attributes:
        name: In the words of the tables.
        media_type: Of a right answer.
        body: Of a right answer.
        value: What that answer means: text, or the bytes of sound.
        carried: What the body of a whole request has in it, for a recording of so many bytes.
    """

    name: str
    media_type: str
    body: bytes
    value: str | bytes
    carried: Callable[[int], bytes]

    @property
    def good(self) -> Behaviour:
        """The right answer."""
        return answer(200, self.body, self.media_type)


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


def _asked(_: int) -> bytes:
    return f'"{TEXT}"'.encode()


def _clip(size: int) -> bytes:
    return base64.b64encode(recording(size))


TRANSCRIBE = Endpoint("transcribe", JSON, json.dumps({"text": WORDS}).encode(), WORDS, recording)
SPEAK = Endpoint("speak", MPEG, SOUND, SOUND, _asked)
STREAM_SPEECH = Endpoint("stream speech", MPEG, SOUND, SOUND, _asked)
SAVE_SPEECH = Endpoint("save speech", MPEG, SOUND, SOUND, _asked)
CHAT = Endpoint("chat", JSON, json.dumps(_COMPLETION).encode(), WORDS, _clip)
STREAM_CHAT = Endpoint(
    "stream chat",
    EVENTS,
    _event(WORDS[:3]) + _event(WORDS[3:], "stop") + b"data: [DONE]\n\n",
    WORDS,
    _asked,
)

ALL = (TRANSCRIBE, SPEAK, STREAM_SPEECH, SAVE_SPEECH, CHAT, STREAM_CHAT)
IN_JSON = (TRANSCRIBE, CHAT)
SPOKEN = (SPEAK, STREAM_SPEECH, SAVE_SPEECH)
WHOLE = (TRANSCRIBE, SPEAK, SAVE_SPEECH, CHAT)
"""Those that hand nothing on before the answer is whole: what breaks off can be asked again."""
STREAMED = (STREAM_SPEECH, STREAM_CHAT)
WAYS = (TRANSCRIBE, SAVE_SPEECH, STREAM_CHAT)
"""One for each way an answer is taken: whole, to a file, as it comes."""
