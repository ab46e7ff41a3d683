"""Estimate the tokens of a chat, because the sandbox has no tokeniser."""

import json
import math
from collections.abc import Sequence
from typing import Final

from apertis_audio_tools.sandbox.chat_request import ChatRequest, text_of
from apertis_audio_tools.sandbox.rule_based_chat import CHARACTERS_PER_TOKEN, GeneratedReply

INPUT_TOKENS_PER_SECOND: Final = 10
OUTPUT_TOKENS_PER_SECOND: Final = 20


def estimate_usage(
    chat_request: ChatRequest,
    earlier: Sequence[str],
    seconds_in: float,
    reply: GeneratedReply,
    seconds_out: float,
) -> dict[str, object]:
    """Count one token for 4 characters, 10 for a second of input audio, 20 for one of output.

    Args:
        chat_request: Request that was answered.
        earlier: Transcripts of the spoken replies that the request refers to.
        seconds_in: Length of all recordings in the request.
        reply: Reply to the request.
        seconds_out: Length of the spoken reply; 0 if it is not spoken.
    """
    text_in = _text_tokens([*map(text_of, chat_request.messages), *earlier])
    text_out = _text_tokens([reply.text, *(json.dumps(call.arguments) for call in reply.calls)])
    audio_in = math.ceil(seconds_in * INPUT_TOKENS_PER_SECOND)
    audio_out = math.ceil(seconds_out * OUTPUT_TOKENS_PER_SECOND)
    return {
        "prompt_tokens": text_in + audio_in,
        "completion_tokens": text_out + audio_out,
        "total_tokens": text_in + audio_in + text_out + audio_out,
        "prompt_tokens_details": {"audio_tokens": audio_in, "text_tokens": text_in},
        "completion_tokens_details": {"audio_tokens": audio_out, "text_tokens": text_out},
    }


def _text_tokens(texts: Sequence[str]) -> int:
    return sum(math.ceil(len(text) / CHARACTERS_PER_TOKEN) for text in texts)
