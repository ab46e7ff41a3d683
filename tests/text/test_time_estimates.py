"""Times of sentences, estimated from their text and the pauses."""

import itertools
import random
import unicodedata
from typing import Any

import pytest

from apertis_audio_tools.text import time_estimates
from apertis_audio_tools.text.time_estimates import estimate_times

SENTENCE = "The new version will go out on Thursday."


def spoken(sentences: list[str], seed: int) -> tuple[list[float], list[tuple[float, float]], float]:
    """Return starts, pauses and length of sentences said at varying speed, with varying pauses."""
    generator = random.Random(seed)
    time, starts, pauses = 0.0, list[float](), list[tuple[float, float]]()
    for sentence in sentences:
        pause = generator.uniform(0.25, 1.2)
        pauses.append((time, time + pause))
        time += pause
        starts.append(time)
        time += len(sentence) * generator.uniform(0.055, 0.075)
        if generator.random() < 0.5:  # and a breath in the middle of it
            breath = time - len(sentence) * 0.03
            pauses.append((breath, breath + 0.2))
    return starts, pauses, time


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("alphabet", ["abcde fghi", "абвгд ежз", "今天我们讨论新", "नमस्ते यह"])
def test_sentences_begin_after_pauses(alphabet: str, seed: int) -> None:
    """In 15 minutes, nearly every sentence begins where it was said, in any script."""
    generator = random.Random(seed)
    stop = {"今": "。", "न": "। "}.get(alphabet[0], ". ")
    lengths = [generator.randint(8, 90) for _ in range(180)]
    sentences = ["".join(generator.choices(alphabet.strip(), k=length)) for length in lengths]
    sentences = [f"X{' '.join(each.split())}x{stop}" for each in sentences]
    starts, pauses, seconds = spoken(sentences, seed)
    estimates = estimate_times("".join(sentences), seconds, pauses)
    errors = sorted(abs(one.start - start) for one, start in zip(estimates, starts, strict=True))
    assert errors[len(errors) // 2] <= 0.05
    assert errors[len(errors) * 95 // 100] <= 1


@pytest.mark.parametrize(
    "pauses",
    [[], [(0.0, 60.0)], [(0.0, 30.0)], [(29.0, 60.0)], [(at, at + 0.5) for at in range(60)]],
)
@pytest.mark.parametrize(
    "text", [SENTENCE, f"{SENTENCE} " * 30, "word " * 400, "字" * 300, "?!", "12 345", "a" * 3000]
)
def test_times_are_possible(text: str, pauses: list[tuple[float, float]]) -> None:
    """Whatever text and sound are, times are in order, within the piece, and no word is lost."""
    estimates = estimate_times(text, 60.0, pauses)
    assert "".join("".join(each.text for each in estimates).split()) == "".join(text.split())
    assert all(0 <= each.start <= each.end <= 60 for each in estimates)
    assert all(one.start <= other.start for one, other in itertools.pairwise(estimates))


def test_endless_sentence() -> None:
    """A sentence that lasts minutes is divided at its words."""
    estimates = estimate_times("word " * 400, 180.0, [])
    assert max(each.end - each.start for each in estimates) <= 17
    assert all(each.text.startswith("word") and each.text.endswith("word") for each in estimates)


@pytest.mark.parametrize("text", ["", "  \n"])
def test_no_text(text: str) -> None:
    """No text has no times."""
    assert estimate_times(text, 60.0, []) == []


SCRIPTS = {
    "Thai": "สวัสดีครับทุกคนวันนี้เราจะพูดคุยเกี่ยวกับแผนงานของรุ่นใหม่",
    "Arabic": "صباح الخير جميعا. هل لديكم أسئلة؟ شكرا لكم. ",
    "Devanagari": "सभी को नमस्ते। आज हम बात करेंगे। क्या कोई प्रश्न है? ",
    "Chinese": "大家早上好。今天我们讨论新版本的计划。有什么问题吗。",
    "Chinese without marks": "大家早上好今天我们讨论新版本的计划有什么问题吗",
    "marks": "... ?! — ♪ ",
    "emoji": "🎉👩\u200d👩\u200d👧 👍🏽 ",
    "one word": "word",
}


@pytest.mark.parametrize("count", [1, 40, 400])
@pytest.mark.parametrize("script", SCRIPTS)
def test_any_script(script: str, count: int) -> None:
    """In any script, all of the text has times, and letters are never separated from marks."""
    text = SCRIPTS[script] * count
    estimates = estimate_times(text, 900.0, [(at, at + 0.3) for at in range(1, 899, 3)])
    assert "".join("".join(each.text for each in estimates).split()) == "".join(text.split())
    assert all(0 <= each.start <= each.end <= 900 for each in estimates)
    assert all(one.start <= other.start for one, other in itertools.pairwise(estimates))
    assert not any(unicodedata.category(each.text[0]).startswith("M") for each in estimates)
    if text == "word":
        assert [(each.text, each.end) for each in estimates] == [("word", 900)]


@pytest.mark.parametrize("count", [2_000, 6_000])
def test_pairs_of_pauses_are_bounded(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many sentences and pauses there are, a bounded number of pairs is compared."""
    pairs = 0
    compare = time_estimates._best_way

    def counted(*args: Any) -> Any:
        nonlocal pairs
        _, number, ways, _ = args
        pairs += sum(map(len, ways[max(0, number - 4) : number]))
        return compare(*args)

    monkeypatch.setattr(time_estimates, "_best_way", counted)
    estimate_times("Ab cd. " * count, 900.0, [(at * 0.4, at * 0.4 + 0.2) for at in range(2_200)])
    assert pairs < 4_000_000
