"""Long texts are split into spans that end where sentences do."""

from itertools import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apertis_audio_tools.text import sentences
from apertis_audio_tools.text.sentences import TextSpan, is_speakable, may_cut

CHARACTERS = [
    *"aZ7 .,!?-\n",
    "。",
    "我",
    "é",
    "e\u0301\u0323",
    "👨‍👩‍👧‍👦",
    "❤️",
    "1️⃣",
    "नी",
    "ที่",
    "한",
    "ג",
    "سَّ",
]
"""Characters of several scripts; some have combining marks, or are joined."""


def split(text: str, size: int, max_size: int | None = None) -> list[str]:
    return [span.text for span in sentences.split_text(text, repeat(size), max_size or size)]


def without_space(text: str) -> str:
    return "".join(text.split())


@given(st.text(), st.integers(1, 20))
def test_no_text_is_lost(text: str, size: int) -> None:
    """The spans are the text without the white space between them; none is too long or empty."""
    spans = list(sentences.split_text(text, repeat(size), size))
    assert without_space("".join(span.text for span in spans)) == without_space(text)
    for span in spans:
        assert 0 < len(span.text) <= size
        assert text[span.start :].startswith(span.text)


@given(st.lists(st.sampled_from(CHARACTERS), max_size=60), st.integers(12, 30))
def test_combining_marks_stay_with_their_base(characters: list[str], size: int) -> None:
    """No cut is inside a character that is made of several code points."""
    text, ends, position = "".join(characters), {0}, 0
    for character in characters:
        position += len(character)
        ends.add(position)
    for span in sentences.split_text(text, repeat(size), size):
        assert span.start in ends
        assert span.start + len(span.text) in ends


@pytest.mark.parametrize("character", CHARACTERS)
def test_cuts_around_a_character(character: str) -> None:
    """A cut is allowed between two characters and at either end, not inside one."""
    assert not any(may_cut(character, index) for index in range(1, len(character)))
    doubled = character * 2
    assert [may_cut(doubled, index) for index in (0, len(character), len(doubled))] == [True] * 3


@pytest.mark.parametrize(
    ("text", "size", "spans"),
    [
        ("One is here. Two is there. Three.", 15, ["One is here.", "Two is there.", "Three."]),
        ('"Is it?" he said. No.', 17, ['"Is it?" he said.', "No."]),
        ("Yes. Dr. Smith paid 3.14 for it.", 16, ["Yes.", "Dr. Smith paid", "3.14 for it."]),
        ("Well, e.g. this one. Then more.", 22, ["Well, e.g. this one.", "Then more."]),
        ("J. S. Bach wrote it. He did.", 22, ["J. S. Bach wrote it.", "He did."]),
        ("The U.S. Navy is there. It is.", 23, ["The U.S. Navy is there.", "It is."]),
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
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
    ],
)
def test_preferred_ends(text: str, size: int, spans: list[str]) -> None:
    """A span ends with a paragraph or sentence, else a clause, else a word, else a character."""
    assert split(text, size) == spans


def test_a_sentence_may_stretch_a_span() -> None:
    """A span grows beyond its preferred size to the end of its sentence, and no further."""
    text = "This sentence is somewhat long. The next one is not."
    assert split(text, 20, 100) == [
        "This sentence is somewhat long.",
        "The next one is not.",
    ]
    assert split("a" * 50 + " b", 20, 100) == ["a" * 50, "b"]


def test_each_span_has_its_own_size() -> None:
    """Each span has the size given for it, and the index where it begins."""
    spans = sentences.split_text("  One. Two. Three. Four. Five.", iter([5, 11, 99]), 99)
    assert list(spans) == [
        TextSpan(2, "One."),
        TextSpan(7, "Two. Three."),
        TextSpan(19, "Four. Five."),
    ]


@pytest.mark.parametrize("character", [".", "a", "\u0301", "🇩", "我", '."', ". ", ",", "\r\n", " "])
def test_endless_repetition(character: str) -> None:
    """A very long repetition of anything is split without loss and in linear time."""
    text = "x" + character * 20_000 + "y"
    assert without_space("".join(split(text, 4096))) == without_space(text)


@pytest.mark.parametrize(
    ("text", "expected"), [("...", False), ("\n— !", False), ("a", True), ("7", True), ("🎉", True)]
)
def test_is_speakable(text: str, *, expected: bool) -> None:
    """Punctuation and white space alone are not speakable."""
    assert is_speakable(text) is expected
