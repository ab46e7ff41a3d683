"""Find the spans in which each signal of a recording has a voice of its own.

A signal is not sent where it is silent, or where it holds nothing but the echo of another one: a
microphone also hears who sits beside its speaker. How much softer such an echo is, is measured
where the other one is loud.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

from apertis_audio_tools.audio.cutting.signal_levels import (
    STEP_SECONDS,
    STEPS_PER_DECIBEL,
    SignalLevels,
    find_balance,
)

Span = tuple[float, float]

_SILENCE = 25 * STEPS_PER_DECIBEL
"""Level that is inaudible: -65 dB."""
_NOISE_MARGIN = 8 * STEPS_PER_DECIBEL
"""Distance of a voice from the noise of its signal."""
_VOICE_RANGE = 35 * STEPS_PER_DECIBEL
"""Distance of the softest sounds of a voice from its loudest."""
_MIN_RANGE = 12 * STEPS_PER_DECIBEL
"""Distance of loud from soft, below which a signal is as loud all the time and is sent as it is."""
_LOUD_STEPS = 10
_ECHO_MARGIN = 6 * STEPS_PER_DECIBEL
"""Distance of a voice from the echo of another one."""
_MIN_ECHO_LOSS = 10 * STEPS_PER_DECIBEL
"""Distance of an echo from its voice. If it is louder, who speaks is decided by the words."""
_MIN_ECHO_STEPS = 10
_ECHO_BEFORE, _ECHO_AFTER = 3, 1
"""Steps around one in which the voice of its echo may be."""
_MAX_PAUSE_STEPS = 10
"""Steps of a pause within a span: 1 s."""
_MIN_VOICED_STEPS = 2
_PADDING_STEPS = 3
"""Steps that are sent before and after a voice, whose first and last sounds are soft."""


def find_voiced_spans(levels: SignalLevels) -> list[tuple[Span, ...]]:
    """Return of each signal the start and end of each span with a voice, in seconds."""
    steps = [levels.steps(signal) for signal in range(len(levels.blocks))]
    thresholds = list(map(_find_threshold, steps))
    spans = []
    for signal, own in enumerate(steps):
        voiced = [level >= thresholds[signal] for level in own]
        for other, loud in enumerate(steps):
            if other not in {signal, levels.copies.get(signal)}:
                _mute_echo(voiced, own, loud, thresholds[other])
        spans.append(tuple(_join(voiced)))
    return spans


def find_voice(steps: Sequence[int]) -> list[Span]:
    """Return the start and end of each span with a voice, in seconds, from levels of steps."""
    threshold = _find_threshold(steps)
    return [*_join([level >= threshold for level in steps])]


def _find_threshold(steps: Sequence[int]) -> int:
    """Return the level from which on there is a voice."""
    if not steps:
        return _SILENCE
    ranked = sorted(steps)
    loud = ranked[-min(max(_LOUD_STEPS, len(ranked) // 100), len(ranked))]
    quiet = ranked[len(ranked) // 10]
    if loud - quiet < _MIN_RANGE:
        return _SILENCE
    return max(quiet + _NOISE_MARGIN, loud - _VOICE_RANGE, _SILENCE)


def _mute_echo(
    voiced: list[bool], own: Sequence[int], other: Sequence[int], threshold: int
) -> None:
    """Mark the steps as not voiced that are no louder than the echo of another signal."""
    loss = _echo_loss(own, other, threshold + _ECHO_MARGIN)
    if loss is None:
        return
    for at, is_voiced in enumerate(voiced):
        if is_voiced:
            voice = max(other[max(at - _ECHO_BEFORE, 0) : at + _ECHO_AFTER + 1], default=0)
            voiced[at] = own[at] > voice - loss + _ECHO_MARGIN


def _echo_loss(own: Sequence[int], other: Sequence[int], threshold: int) -> int | None:
    """Return how much softer a signal mostly is than another one where that is the louder one."""
    balance = find_balance(other, own)
    losses = sorted(
        loud - soft
        for soft, loud in zip(own, other, strict=False)
        if loud >= threshold and loud - soft - balance > _ECHO_MARGIN // 2
    )
    loss = losses[len(losses) // 2] if len(losses) >= _MIN_ECHO_STEPS else 0
    return loss if loss - balance >= _MIN_ECHO_LOSS else None


def _join(voiced: Sequence[bool]) -> Iterator[Span]:
    """Yield spans of voiced steps, across short pauses and with some silence around them."""
    runs, at = list[list[int]](), 0
    for is_voiced, group in groupby(voiced):
        length = sum(1 for _ in group)
        if is_voiced and runs and at - runs[-1][1] <= _MAX_PAUSE_STEPS:
            runs[-1][1], runs[-1][2] = at + length, runs[-1][2] + length
        elif is_voiced:
            runs.append([at, at + length, length])
        at += length
    for start, end, count in runs:
        if count >= _MIN_VOICED_STEPS:
            first, last = max(start - _PADDING_STEPS, 0), min(end + _PADDING_STEPS, len(voiced))
            yield first * STEP_SECONDS, last * STEP_SECONDS
