"""The plugin that runs in every test finds keys and audio in everything that is emitted."""

import base64
from pathlib import Path

import pytest

from support.leaks import LeakDetector, detector_for

CLIP = (Path(__file__).parents[1] / "clips" / "clip.mp3").read_bytes()
KEY = "sk-marked"

HEAD = f"""
import logging, sys
from pathlib import Path
from apertis_audio_tools import ApertisError
AUDIO = Path({str(Path(__file__).parents[1] / "clips" / "clip.mp3")!r}).read_bytes()[900:960]
"""
WAYS = {
    "print": "print('sk-' + 'marked')",
    "stderr": "sys.stderr.write('sk-' + 'marked')",
    "capsys": "print('sk-' + 'marked'); assert capsys.readouterr().out",
    "audio": "print(AUDIO)",
    "warning-log": "logging.getLogger('anybody').warning('sk-%s', 'marked')",
    "debug-log": "logging.getLogger('httpcore.http11').debug('sk-%s', 'marked')",
    "our-log": "logging.getLogger('apertis_audio_tools').debug('%r', AUDIO)",
    "message": "ApertisError('sk-' + 'marked')",
    "field": "ApertisError('It failed.', param='sk-' + 'marked')",
    "note": "ApertisError('It failed.').add_note('sk-' + 'marked')",
}


@pytest.fixture
def leaks() -> LeakDetector:
    """Return a detector for one recording."""
    return LeakDetector([CLIP])


@pytest.mark.parametrize("begin", range(900, 912))
@pytest.mark.parametrize("padding", range(4))
def test_audio_in_any_form(leaks: LeakDetector, begin: int, padding: int) -> None:
    """Audio is found from any offset, in base64 of any alignment, hexadecimal and repr."""
    audio = CLIP[begin : begin + 60]
    forms = [
        repr(audio),
        base64.b64encode(b"x" * padding + audio).decode()[padding:],
        f"data:audio/mpeg;base64,{base64.b64encode(audio).decode()}",
        "0" * padding + audio.hex(),
        audio.decode("latin-1"),
        str(bytearray(audio)),
    ]
    assert [leaks.in_text(f"It said {form}, and left.") for form in forms] == [["audio"]] * 6


@pytest.mark.parametrize("key", ["sk-payg", "sk-sub-nobody", "sk-live_0123456789", "key-of-a-test"])
def test_keys(leaks: LeakDetector, key: str) -> None:
    """The keys of tests are found."""
    assert leaks.in_text(f"Authorization: Bearer {key}") == [f"the key {key!r}"]


@pytest.mark.parametrize(
    "text",
    [
        "The key sk-... was refused.",
        "ask-someone-else",
        "A pay-as-you-go key (not sk-sub-...) is needed.",
        "c26a2b8f7f0c4d5e9c1d2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f",
        "/usr/lib/python3/dist/packages/anything/that/is/long/enough/to/look/like/base64",
        "Grüezi mitenand, \\x00\\x01 und so weiter.",
    ],
)
def test_harmless_texts_are_not_reported(leaks: LeakDetector, text: str) -> None:
    """Digests, paths, masked keys and words are not reported."""
    assert leaks.in_text(text) == []


def test_a_folder() -> None:
    """A detector for a folder finds every recording in it."""
    clips = Path(__file__).parents[1] / "clips"
    leaks = detector_for(clips)
    for clip in clips.glob("clip.*"):
        middle = clip.stat().st_size // 2
        assert leaks.in_text(repr(clip.read_bytes()[middle : middle + 200])) == ["audio"], clip


@pytest.mark.shows_keys
@pytest.mark.parametrize("way", WAYS)
def test_a_test_that_leaks_fails(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """A test fails if the program emits a key or audio during it, whatever the channel."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(f"{HEAD}def test_loud(capsys):\n    {WAYS[way]}\n\ndef test_quiet(): pass")
    result = pytester.runpytest_inprocess("-p", "support.leak_plugin", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*test_loud: * is seen in *"])


@pytest.mark.shows_keys
def test_log_levels_are_kept(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin does not lower the log levels that tests see."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(
        "import logging\n"
        "def test_debug(caplog):\n"
        "    logging.getLogger('httpx').debug('one')\n"
        "    assert caplog.messages == []\n"
        "    caplog.set_level(logging.DEBUG, logger='httpx')\n"
        "    logging.getLogger('httpx').debug('two')\n"
        "    caplog.set_level(logging.DEBUG, logger='httpcore')\n"
        "    logging.getLogger('httpcore.http11').debug('three')\n"
        "    assert caplog.messages == ['two', 'three']\n"
    )
    pytester.runpytest_inprocess("-p", "support.leak_plugin").assert_outcomes(passed=1)
