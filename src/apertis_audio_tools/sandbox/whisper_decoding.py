"""Recognise the speech of a span, window by window, as Whisper does."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import TYPE_CHECKING, Final

from apertis_audio_tools.sandbox.audio_decoding import SAMPLE_RATE
from apertis_audio_tools.sandbox.recognition import SpeechSegment, SpokenWord, compression_ratio
from apertis_audio_tools.sandbox.speech_activity import Span, halve
from apertis_audio_tools.sandbox.whisper_features import (
    FRAMES_PER_SECOND,
    WINDOW_SECONDS,
    Samples,
    log_mel,
)
from apertis_audio_tools.sandbox.whisper_model import WhisperModel
from apertis_audio_tools.sandbox.whisper_tokens import START, join_text, split_segments
from apertis_audio_tools.sandbox.word_alignment import FRAMES_PER_STEP, place_words

if TYPE_CHECKING:
    from ctranslate2 import StorageView

_SILENCE_SECONDS: Final = 8
"""Silence behind the speech of a window; with less, tiny.en repeats itself."""
_MIN_WINDOW_SECONDS: Final = 12
_TOKENS_PER_SECOND: Final = 8
_MIN_TOKENS: Final = 16
_MAX_TOKENS: Final = 224
_MIN_PROGRESS: Final = 1.0
"""Seconds; a window that accounts for less is the last one of its span."""
_MAX_COMPRESSION: Final = 2.4
"""Compression ratio above which a text repeats itself, from Whisper's own decoder."""
_MIN_HALVED: Final = 4
"""Seconds; a shorter window in which the model repeats itself without end has no text."""
_MAX_NO_SPEECH: Final = 0.8
_DOUBTFUL_NO_SPEECH: Final = 0.3
_MIN_LOGPROB: Final = -1.2
"""Mean of the first tokens of a text, below which it is doubtful.

The three limits are measured: noise, tones and music have a mean of -4.9 to -1.5, or a probability
of no speech above 0.85; clean speech has -0.3 and 0.13.
"""
_FIRST_TOKENS: Final = 8
_MIN_PROBABILITY: Final = 1e-9


@dataclass(frozen=True)
class _Window:
    """Encoded audio, and the tokens that the model generated for it."""

    encoded: "StorageView"
    tokens: Sequence[int]
    is_cut_off: bool
    avg_logprob: float
    no_speech_prob: float


def recognise_span(model: WhisperModel, span: Span) -> list[SpeechSegment]:
    """Return the segments of a span of speech."""
    segments: list[SpeechSegment] = []
    while span.active.any():
        found, seconds = _recognise_window(model, span)
        segments += found
        if seconds < _MIN_PROGRESS:
            break
        span = span.after(round(seconds * FRAMES_PER_SECOND))
    return segments


def _recognise_window(model: WhisperModel, span: Span) -> tuple[list[SpeechSegment], float]:
    """Return the segments at the beginning of a span, and the seconds they account for."""
    seconds = len(span.samples) / SAMPLE_RATE
    window = _generate(model, span.samples, seconds)
    if window.is_cut_off and _repeats_itself(model, window):
        return ([], seconds) if seconds < _MIN_HALVED else _recognise_window(model, halve(span))
    texts, consumed = split_segments(window.tokens, seconds)
    if not texts:
        return [], seconds
    tokens = list(chain.from_iterable(texts))
    frames = min(len(span.active), window.encoded.shape[1] * FRAMES_PER_STEP)
    aligned = model.engine.align(window.encoded, [START], [tokens], frames)[0]
    if _is_noise(window, aligned.text_token_probs):
        return [], seconds
    words = place_words(texts, aligned.alignments, model.vocabulary, span)
    segments = map(_make_segment, texts, words, repeat(window))
    return [each for each in segments if any(map(str.isalnum, each.text))], consumed


def _generate(model: WhisperModel, samples: Samples, seconds: float) -> _Window:
    from ctranslate2 import StorageView

    length = max(_MIN_WINDOW_SECONDS, round(seconds + _SILENCE_SECONDS))
    features = log_mel(samples, min(length, WINDOW_SECONDS))
    encoded = model.engine.encode(StorageView.from_array(features))
    limit = min(_MAX_TOKENS, _MIN_TOKENS + round(_TOKENS_PER_SECOND * seconds))
    result = model.engine.generate(
        encoded,
        [[START]],
        beam_size=1,
        max_length=2 * limit,  # of which half is reserved for a prompt
        return_scores=True,
        return_no_speech_prob=True,
    )[0]
    tokens = result.sequences_ids[0]
    avg_logprob = result.scores[0] * len(tokens) / (len(tokens) + 1)
    return _Window(encoded, tokens, len(tokens) >= limit, avg_logprob, result.no_speech_prob)


def _repeats_itself(model: WhisperModel, window: _Window) -> bool:
    return compression_ratio(join_text(window.tokens, model.vocabulary)) > _MAX_COMPRESSION


def _is_noise(window: _Window, probabilities: Sequence[float]) -> bool:
    """Tell whether a text is invented; only its beginning shows the doubt if it repeats itself."""
    first = [math.log(max(each, _MIN_PROBABILITY)) for each in probabilities[:_FIRST_TOKENS]]
    is_doubtful = math.fsum(first) / len(first) < _MIN_LOGPROB
    return window.no_speech_prob > (_DOUBTFUL_NO_SPEECH if is_doubtful else _MAX_NO_SPEECH)


def _make_segment(
    tokens: Sequence[int], words: tuple[SpokenWord, ...], window: _Window
) -> SpeechSegment:
    return SpeechSegment(
        start=words[0].start,
        end=max(word.end for word in words),
        text=" ".join(word.text for word in words),
        avg_logprob=window.avg_logprob,
        no_speech_prob=window.no_speech_prob,
        tokens=tuple(tokens),
        words=words,
    )
