"""What the tests of the service's answers pass around."""

from collections.abc import Callable
from pathlib import Path

Clip = Callable[[str], Path]
"""The clip with a suffix; all of them say the same sentence."""
Check = Callable[[str], None]
"""Fails when a text is not that sentence, give or take a word and all punctuation."""
