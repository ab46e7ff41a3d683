"""Long texts in parts that end where sentences do."""

from itertools import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apertis_audio_tools.text import sentences
from apertis_audio_tools.text.sentences import TextPart, is_boundary, is_speakable

GRAPHEMES = [
    *"aZ7 .,!?-",
    "。",
    "我",
    "é",
    "e\u0301\u0323",
    "\r\n",
    "\n",
    "👨‍👩‍👧‍👦",
    "👍🏽",
    "❤️",
    "🇩🇪",
    "1️⃣",
    "क्ष",
    "ह्म",
    "नी",
    "กำ",
    "เก",
    "ที่",
    "\u1112\u1161\u11ab",
    "한",
    "ג",
    "سَّ",
    "\u0600١",  # noqa: RUF001  # other scripts
]
"""What readers take for one character, in several scripts."""
texts = st.lists(st.sampled_from(GRAPHEMES), max_size=60)


def split(text: str, size: int, most: int | None = None) -> list[str]:
    return [part.text for part in sentences.split_text(text, repeat(size), most or size)]


def spaceless(text: str) -> str:
    return "".join(text.split())


@given(st.text(), st.integers(1, 20))
def test_nothing_is_lost(text: str, size: int) -> None:
    """The parts are the text, but for white space between them; none is too long or empty."""
    parts = list(sentences.split_text(text, repeat(size), size))
    assert spaceless("".join(part.text for part in parts)) == spaceless(text)
    for part in parts:
        assert 0 < len(part.text) <= size
        assert text[part.start :].startswith(part.text)


@given(texts, st.integers(12, 30))
def test_graphemes_stay_whole(graphemes: list[str], size: int) -> None:
    """No cut is inside of what readers take for one character."""
    text, ends, at = "".join(graphemes), {0}, 0
    for grapheme in graphemes:
        at += len(grapheme)
        ends.add(at)
    for part in sentences.split_text(text, repeat(size), size):
        assert part.start in ends or text[part.start - 1].isspace()
        end = part.start + len(part.text)
        assert end in ends or text[end].isspace()


@pytest.mark.parametrize("grapheme", GRAPHEMES)
def test_boundaries(grapheme: str) -> None:
    """There is no boundary inside of a character, and one between two of them."""
    if len(grapheme) > 1 and grapheme != "เก":
        assert not any(is_boundary(grapheme, at) for at in range(1, len(grapheme)))
    doubled = grapheme * 2
    assert is_boundary(doubled, len(grapheme))


@given(st.integers(1, 40), st.integers(3, 9))
def test_flags(count: int, size: int) -> None:
    """Flags are pairs of letters, counted from the beginning."""
    assert all(len(part) % 2 == 0 for part in split("🇩🇪" * count, size))


@pytest.mark.parametrize(
    ("text", "size", "parts"),
    [
        ("One is here. Two is there. Three.", 15, ["One is here.", "Two is there.", "Three."]),
        ('"Is it?" he said. No.', 17, ['"Is it?" he said.', "No."]),
        ("Yes. Dr. Smith paid 3.14 for it.", 16, ["Yes.", "Dr. Smith paid", "3.14 for it."]),
        ("Well, e.g. this one. Then more.", 22, ["Well, e.g. this one.", "Then more."]),
        ("J. S. Bach wrote it. He did.", 22, ["J. S. Bach wrote it.", "He did."]),
        ("Am 3. Mai kam er. Ja, er kam.", 20, ["Am 3. Mai kam er.", "Ja, er kam."]),
        ("Wait ... what? No idea at all.", 16, ["Wait ... what?", "No idea at all."]),
        ("我们开会。你来吗？好的！", 8, ["我们开会。", "你来吗？好的！"]),  # noqa: RUF001  # other scripts
        ("他说：「走吧。」我们走了。", 9, ["他说：「走吧。」", "我们走了。"]),  # noqa: RUF001  # other scripts
        ("हम घर गए। वह आया।", 12, ["हम घर गए।", "वह आया।"]),
        ("هل أنت هنا؟ نعم أنا.", 13, ["هل أنت هنا؟", "نعم أنا."]),
        ("ฉันไปตลาด เขาอยู่บ้าน", 14, ["ฉันไปตลาด", "เขาอยู่บ้าน"]),
        ("No stop here, but a comma", 16, ["No stop here,", "but a comma"]),
        ("first line\r\nsecond line", 14, ["first line", "second line"]),
        ("First. Now.\r\n\r\nNext. More", 20, ["First. Now.", "Next. More"]),
        ("10\u00a0000 and 5", 8, ["10\u00a0000", "and 5"]),
        ("我们用Python写", 7, ["我们用", "Python写"]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
    ],
)
def test_where(text: str, size: int, parts: list[str]) -> None:
    """A part ends with a paragraph or sentence, else a clause, else a word, else a character."""
    assert split(text, size) == parts


def test_a_sentence_may_stretch_a_part() -> None:
    """A part smaller than it may be grows to the end of its sentence, and no further."""
    text = "This sentence is somewhat long. The next one is not."
    assert split(text, 20, 100) == [
        "This sentence is somewhat long.",
        "The next one is not.",
    ]
    assert split("a" * 50 + " b", 20, 100) == ["a" * 50, "b"]


def test_sizes() -> None:
    """Each part has its own size; where each begins is told."""
    parts = sentences.split_text("  One. Two. Three. Four. Five.", iter([5, 11, 99]), 99)
    assert list(parts) == [
        TextPart(2, "One."),
        TextPart(7, "Two. Three."),
        TextPart(19, "Four. Five."),
    ]


@pytest.mark.parametrize("character", [".", "a", "\u0301", "🇩", "我", '."', ". ", ",", "\r\n", " "])
def test_hostile(character: str) -> None:
    """Whatever is repeated without end is divided in time that grows with its length."""
    parts = split("x" + character * 20_000 + "y", 4096)
    assert spaceless("".join(parts)) == spaceless("x" + character * 20_000 + "y")


@pytest.mark.parametrize(
    ("text", "expected"), [("...", False), ("\n— !", False), ("a", True), ("7", True), ("🎉", True)]
)
def test_speakable(text: str, *, expected: bool) -> None:
    """Punctuation and white space alone cannot be spoken."""
    assert is_speakable(text) is expected
