"""Types of the fixtures that the tests of the service use."""

from collections.abc import Callable
from pathlib import Path

Clip = Callable[[str], Path]
"""A function that returns the clip with a suffix; all clips contain the same sentence."""
Check = Callable[[str], None]
"""A function that fails unless a text is that of the clips, but for one word and punctuation."""
