"""HTML representations of transcripts and speech in notebooks."""

import base64
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apertis_audio_tools import Segment, Speech, Transcript
from apertis_audio_tools.text import html


class _Page(HTMLParser):
    """Elements of an HTML text, their attributes, and the text between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(decl)

    def handle_pi(self, data: str) -> None:
        raise AssertionError(data)

    @property
    def text(self) -> str:
        return "".join(self.words)

    def attribute(self, name: str) -> str:
        (value,) = {value for key, value in self.attributes if key == name}
        return value or ""


HOSTILE = """</span></div>"'><script>alert(1)</script><img src=x onerror=alert(1)><!-- &lt; ]]>"""


def shown(value: Transcript | Speech) -> _Page:
    page = _Page(value._repr_html_())
    assert page.open == []
    return page


def minutes(count: int) -> Transcript:
    segments = tuple(
        Segment(start=n * 60, end=n * 60 + 9, text=f"Minute {n}.") for n in range(count)
    )
    return Transcript(text="...", segments=segments, source="standup.m4a", duration=count * 60)


def speech(audio: bytes = b"abc", media_type: str = "audio/mpeg", kind: str = "mp3") -> Speech:
    return Speech(audio=audio, media_type=media_type, format=kind, duration=2.25)


def test_transcript() -> None:
    """A transcript shows the recording's name, length, language and model, then timed passages."""
    page = shown(minutes(3).model_copy(update={"language": "english", "model": "whisper-1"}))
    assert page.words[:4] == ["standup.m4a", " · ", "00:03:00", " · "]
    assert page.words[4:7] == ["english", " · ", "whisper-1"]
    assert page.words[7:] == [
        *("00:00:00", "Minute 0."),
        *("00:01:00", "Minute 1."),
        *("00:02:00", "Minute 2."),
    ]


def test_long_transcript() -> None:
    """A transcript of any length is shown whole, in a box that scrolls."""
    page = shown(minutes(2000))
    assert [f"Minute {n}." for n in range(2000)] == page.words[4::2]
    assert "overflow:auto" in str(page.attributes)
    assert "max-height" in str(page.attributes)


def test_empty_transcript() -> None:
    """A transcript without a name or words has placeholders."""
    assert shown(Transcript(text="")).text == "TranscriptNo words."


def test_transcript_without_times() -> None:
    """Text without segments keeps its line breaks."""
    page = shown(Transcript(text="One.\nTwo.", duration=9.5))
    assert page.text.endswith("00:00:00One.\nTwo.")
    assert "white-space:pre-line" in str(page.attributes)


def test_hostile_transcript() -> None:
    """Markup in the text, the name, the language and the model is shown as text."""
    hostile = Transcript(
        text=HOSTILE,
        segments=(Segment(start=0, end=1, text=HOSTILE),),
        source=HOSTILE,
        language=HOSTILE,
        model=HOSTILE,
    )
    harmless = Transcript(
        text="a",
        segments=(Segment(start=0, end=1, text="a"),),
        source="a",
        language="a",
        model="a",
    )
    assert shown(hostile).text.count(HOSTILE) == 4
    assert shown(hostile).elements == shown(harmless).elements
    assert shown(hostile).attributes == shown(harmless).attributes


@given(st.text("<>&\"'`=/! abc\u202e\0\n"))
def test_any_text(text: str) -> None:
    """No text adds an element or an attribute, or changes itself."""
    page = shown(Transcript(text=f"a{text}b", source=f"a{text}b"))
    calm = shown(Transcript(text="a", source="a"))
    assert page.attributes == calm.attributes
    assert (page.elements, page.text.count(f"a{text}b")) == (calm.elements, 2)


def test_dollar_signs_are_not_formulas() -> None:
    """Text between two dollar signs is excluded from typesetting."""
    assert "mathjax_ignore" in shown(Transcript(text="$5 or $6")).attribute("class")


def test_html_is_self_contained() -> None:
    """The HTML loads nothing, runs nothing, and sets no colors that could clash with a theme."""
    page = shown(minutes(2))
    assert {name for name, _ in page.attributes} == {
        *("aria-label", "class", "dir", "role", "style", "tabindex")
    }
    assert not {"script", "style", "link", "img", "iframe"} & set(page.elements)
    assert "url(" not in str(page.attributes)
    assert "color:" not in str(page.attributes)


def test_speech() -> None:
    """Speech has a player, its length and its size."""
    page = shown(speech(b"\xff\xfb" * 60_000))
    head, _, data = page.attribute("src").partition(",")
    assert head == "data:audio/mpeg;base64"
    assert base64.b64decode(data, validate=True) == b"\xff\xfb" * 60_000
    assert page.elements == ["div", "audio", "div", "bdi"]
    assert page.text == "mp3 · 2.2 s · 0.1 MB"


def test_large_speech() -> None:
    """Audio that would make a notebook heavy is left out, with a reason."""
    assert "audio" in shown(speech(bytes(html.MAX_PLAYED_BYTES))).elements
    page = shown(speech(bytes(html.MAX_PLAYED_BYTES + 100_000)))
    assert "audio" not in page.elements
    assert page.text == "mp3 · 2.2 s · 4.1 MB · too large to play here, the limit is 4.0 MB"


@pytest.mark.parametrize(
    ("value", "reason"),
    [(speech(kind="pcm"), "browsers do not play raw PCM"), (speech(b""), "nothing to play")],
)
def test_unplayable_speech(value: Speech, reason: str) -> None:
    """Audio that browsers cannot play has a reason instead of a player."""
    page = shown(value)
    assert "audio" not in page.elements
    assert page.text.endswith(reason)


def test_hostile_speech() -> None:
    """Markup in the media type and the format is shown as text."""
    page = shown(speech(media_type=HOSTILE, kind=HOSTILE))
    assert page.elements == shown(speech()).elements
    assert page.attribute("src").startswith(f"data:{HOSTILE};base64,")
    assert {name for name, _ in page.attributes} == {"controls", "src", "style"}
