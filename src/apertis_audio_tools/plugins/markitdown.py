"""MarkItDown: recordings become Markdown with timecodes."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markitdown import MarkItDown

__plugin_interface_version__ = 1

BEFORE_BUILT_IN = -1.0
"""MarkItDown asks converters in the order of their priority; its own have 0 and 10."""
BETWEEN = -0.5


def register_converters(markitdown: "MarkItDown", **kwargs: Any) -> None:
    """Take over recordings.

    Args:
        markitdown: The program.
        kwargs: What it was made with: ``apertis_audio`` is a client to use, in place of one made
            from the environment, and ``apertis_options`` are further arguments of its
            `transcribe`, such as ``{"language": "de"}``.
    """
    from apertis_audio_tools.plugins.markitdown_converter import NoSubstitute, RecordingConverter

    converter = RecordingConverter(kwargs.get("apertis_audio"), kwargs.get("apertis_options") or {})
    markitdown.register_converter(converter, priority=BEFORE_BUILT_IN)
    markitdown.register_converter(NoSubstitute(converter), priority=BETWEEN)
