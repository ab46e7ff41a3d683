"""Lines end where the script allows it, and characters stay whole."""

import pytest

from apertis_audio_tools.text.display_width import display_width, split_characters
from apertis_audio_tools.text.line_breaks import split_units, wrap_units


def wrap(text: str, max_line: int) -> list[str]:
    lines = wrap_units(list(split_units(text, max_line, {})), max_line)
    return [text[line[0].start : line[-1].end] for line in lines]


@pytest.mark.parametrize(
    ("text", "max_line", "lines"),
    [
        ("one two three four", 10, ["one two", "three four"]),
        ("Yes, that is right, I know it", 22, ["Yes, that is right,", "I know it"]),
        ("Bonjour à tous ! Merci", 14, ["Bonjour à", "tous ! Merci"]),
        ("« Non », dit-il", 9, ["« Non »,", "dit-il"]),
        ("«\u00a0Non\u00a0» dit-il", 9, ["«\u00a0Non\u00a0»", "dit-il"]),
        ("https://a.example/b?c=d", 12, ["https://a.", "example/b?c=", "d"]),
        ("abcdefghijklmno", 6, ["abcdef", "ghijkl", "mno"]),
        ("今天我们讨论「新版本」的计划。", 16, ["今天我们讨论「新", "版本」的计划。"]),
        ("きょうはパーティーです。", 12, ["きょうはパー", "ティーです。"]),
        ("用GPT模型", 6, ["用GPT", "模型"]),
        ("สวัสดีเก้าอี้น้ำ", 6, ["สวัสดี", "เก้าอี้น้ำ"]),
        ("👩\u200d👩\u200d👧👍🏽🇩🇪🇫🇷", 5, ["👩\u200d👩\u200d👧", "👍🏽", "🇩🇪🇫🇷"]),
        ("שלום לכולם היום", 10, ["שלום", "לכולם היום"]),
        ("word—word—word", 10, ["word—", "word—word"]),
    ],
)
def test_wrapping(text: str, max_line: int, lines: list[str]) -> None:
    """Lines are as few as possible, about equally long, and end where they may."""
    assert wrap(text, max_line) == lines


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("abc", 3),
        ("e\u0301te\u0301", 3),
        ("大家", 4),
        ("\uff21\uff22", 4),
        ("한국", 4),
        ("นี้", 1),
        ("👩\u200d👩\u200d👧", 2),
        ("❤\ufe0f", 2),
        ("🇩🇪", 2),
        ("क्\u200dष", 2),
        ("\u202bאב\u202c", 2),
    ],
)
def test_width(text: str, width: int) -> None:
    """Wide characters have two columns, marks and joiners none."""
    assert display_width(text) == width


def test_characters() -> None:
    """Letters keep their marks; flags, skin tones and joined emoji stay whole."""
    parts = ["e\u0301", "👩\u200d👩\u200d👧", "👍🏽", "🇩🇪", "🇫🇷", "中", "❤\ufe0f"]
    assert list(split_characters("".join(parts))) == parts
