"""Codes of languages by the names that services report."""

import pytest

from apertis_audio_tools.text.languages import language_code


@pytest.mark.parametrize(
    ("reported", "code"),
    [
        ("english", "en"),
        ("German", "de"),
        ("haitian creole", "ht"),
        ("castilian", "es"),
        ("EN", "en"),
        ("en-US", "en"),
        ("pt_BR", "pt"),
        ("iw", "he"),
        ("javanese", "jv"),
        ("jw", "jv"),
        ("yue", "zh"),
        ("klingon", None),
        ("", None),
    ],
)
def test_code(reported: str, code: str | None) -> None:
    """Names and codes in any spelling become a code; what is unknown becomes None."""
    assert language_code(reported) == code
