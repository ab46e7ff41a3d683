"""Write the JSON of a completion while its spoken reply is synthesised.

An uncompressed reply of some minutes has 20 MB in base64. It is never in memory as a whole.
"""

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from starlette.responses import JSONResponse

from apertis_audio_tools.sandbox.audio_encoding import encode
from apertis_audio_tools.sandbox.chat_request import AudioOutput
from apertis_audio_tools.sandbox.speech_synthesis import SAMPLE_RATE, speak

_NO_DATA: Final = b'"data":""'


def write_spoken(
    completion: Mapping[str, object],
    text: str,
    output: AudioOutput,
    usage: Callable[[float], object],
) -> Iterator[bytes]:
    """Yield the JSON of a completion.

    Args:
        completion: Completion without usage, whose audio has empty data before its transcript.
        text: Text to speak.
        output: Voice and format of the speech.
        usage: Function that returns the usage, given the seconds of speech.
    """
    speech = _CountedSpeech(speak(text, output.voice))
    head, _, tail = _json(completion).partition(_NO_DATA)
    chunks = _base64(encode(speech, SAMPLE_RATE, output.format, speed=1))
    yield head + b'"data":"' + next(chunks, b"")
    yield from chunks
    yield b'"' + tail.removesuffix(b"}") + b',"usage":' + _json(usage(speech.seconds)) + b"}"


class _CountedSpeech:
    """Iterator over blocks of samples that counts them."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)
        self.seconds = 0.0

    def __iter__(self) -> Iterator[bytes]:
        for block in self._blocks:
            self.seconds += len(block) / 2 / SAMPLE_RATE
            yield block


def _json(value: object) -> bytes:
    return bytes(JSONResponse(value).body)


def _base64(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Encode a stream in base64, which has four characters for three bytes."""
    rest = b""
    for chunk in chunks:
        content = rest + chunk
        whole = len(content) // 3 * 3
        rest = content[whole:]
        if whole:
            yield base64.b64encode(content[:whole])
    yield base64.b64encode(rest)
