"""Texts in Markdown are shown as they are."""

import pytest

from apertis_audio_tools.text.markdown import escape_markdown


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("Hello, I'm (not) here - 1.5 %!", "Hello, I'm (not) here - 1.5 %!"),
        ("Hi.\n\n[00:00:09] Pay.", r"Hi. \[00:00:09\] Pay."),
        ("a\n# b\n===", r"a \# b ==="),
        ("![x](http://y)", r"!\[x\](http\://y)"),
        ("[x]: <javascript:y>", r"\[x\]: \<javascript:y\>"),
        ("see www.x.org or me@x.org", r"see www\.x.org or me\@x.org"),
        ("<script>&lt;", r"\<script\>\&lt;"),
        ("a|b\n-|-", r"a\|b -\|-"),
        ("`*_~$\\", r"\`\*\_\~\$\\"),
        ("a\x1b[2J\0b\u2028c\x9bd", r"a \[2J b c d"),
    ],
)
def test_escapes(text: str, escaped: str) -> None:
    """Headings, links, HTML, tables and timecodes of the speaker are text, in one line."""
    assert escape_markdown(text) == escaped
