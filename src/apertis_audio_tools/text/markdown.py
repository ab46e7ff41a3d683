"""Text within Markdown."""

import re

_MARKUP = re.compile(r"[\\`*_\[\]<>&|~$#@]")
_BARE_LINK = re.compile(r"(\b(?:www|https?|ftp|mailto|xmpp))([.:])", re.IGNORECASE)
"""Many renderers make links of addresses without any markup."""

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def escape_markdown(text: str) -> str:
    """Return a text that Markdown shows as it is, in one line.

    It is safe within a line; at the beginning of one it may still be an item of a list.
    """
    return _BARE_LINK.sub(r"\1\\\2", _MARKUP.sub(r"\\\g<0>", one_line(text)))


def one_line(text: str) -> str:
    """Return a text without line breaks and control characters."""
    return " ".join(_CONTROLS.sub(" ", text).split())
