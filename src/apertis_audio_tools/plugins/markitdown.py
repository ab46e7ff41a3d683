"""Plugin for MarkItDown: recordings become Markdown with timecodes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markitdown import MarkItDown

    from apertis_audio_tools.client import ApertisAudio

__plugin_interface_version__ = 1

BEFORE_BUILT_IN = -1.0
"""MarkItDown asks its converters in the order of their priority; its own have 0 and 10."""
AFTER_RECORDINGS = -0.5


def register_converters(
    markitdown: "MarkItDown",
    *,
    apertis_audio: "ApertisAudio | None" = None,
    apertis_options: Mapping[str, object] | None = None,
    **_: object,
) -> None:
    """Register the converter of recordings.

    Args:
        markitdown: The program.
        apertis_audio: Client to use. Defaults to one made from the environment.
        apertis_options: Fields of `TranscriptionOptions`, such as ``{"language": "de"}``.
    """
    from apertis_audio_tools.plugins.markitdown_converter import FailureGuard, RecordingConverter

    converter = RecordingConverter(apertis_audio, apertis_options or {})
    markitdown.register_converter(converter, priority=BEFORE_BUILT_IN)
    markitdown.register_converter(FailureGuard(converter), priority=AFTER_RECORDINGS)
