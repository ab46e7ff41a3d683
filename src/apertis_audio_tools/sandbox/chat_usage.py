"""What a chat would have been billed for: an estimate, because there is no tokeniser here."""

import json
import math
from collections.abc import Sequence
from typing import Any, Final

from apertis_audio_tools.sandbox.chat_messages import ChatRequest, text_of
from apertis_audio_tools.sandbox.chat_rule import CHARACTERS_PER_TOKEN, Reply
from apertis_audio_tools.sandbox.decoding import BYTES_PER_SECOND as HEARD_BYTES_PER_SECOND
from apertis_audio_tools.sandbox.synthesis import SAMPLE_RATE

TOKENS_PER_SECOND_HEARD: Final = 10
TOKENS_PER_SECOND_SPOKEN: Final = 20


def usage(
    asked: ChatRequest,
    earlier: Sequence[str],
    recordings: Sequence[bytes],
    answer: Reply,
    speech: bytes,
) -> dict[str, Any]:
    """Count tokens: one for four characters, ten for a second heard, twenty for one spoken.

    Args:
        asked: The request.
        earlier: Transcripts of spoken answers that the request refers to.
        recordings: The recordings in the request, 16 kHz mono s16.
        answer: What is answered.
        speech: The samples it is spoken with, 22,050 Hz mono s16; empty if it is not.
    """
    asked_texts = [text_of(message) for message in asked.messages]
    text_in = _text_tokens([*asked_texts, *earlier])
    text_out = _text_tokens([answer.text, *(json.dumps(call.arguments) for call in answer.calls)])
    seconds_heard = sum(map(len, recordings)) / HEARD_BYTES_PER_SECOND
    audio_in = math.ceil(seconds_heard * TOKENS_PER_SECOND_HEARD)
    audio_out = math.ceil(len(speech) / 2 / SAMPLE_RATE * TOKENS_PER_SECOND_SPOKEN)
    return {
        "prompt_tokens": text_in + audio_in,
        "completion_tokens": text_out + audio_out,
        "total_tokens": text_in + audio_in + text_out + audio_out,
        "prompt_tokens_details": {"audio_tokens": audio_in, "text_tokens": text_in},
        "completion_tokens_details": {"audio_tokens": audio_out, "text_tokens": text_out},
    }


def _text_tokens(texts: Sequence[str]) -> int:
    return sum(math.ceil(len(text) / CHARACTERS_PER_TOKEN) for text in texts)
