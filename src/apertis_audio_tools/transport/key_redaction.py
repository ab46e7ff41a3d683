"""Removal of the API key from text that comes from outside: a service may repeat what it was sent.

The pattern of a key is visible in the variables of the functions here and nowhere else.
"""

import base64
import functools
import html
import logging
import re
import weakref
from collections.abc import Callable

from pydantic import SecretStr

from apertis_audio_tools.concurrency.fork_safety import ForkSafeLock

Redact = Callable[[str], str]

_REPLACEMENT = "[API key]"
_REDACTED_CHARACTERS, _MAX_CHARACTERS = 16_384, 300
"""Texts are redacted before they are cut, for nothing would recognise half a key."""
_LOGGERS = ("httpx", *(f"httpcore.{name}" for name in ("connection", "http11", "proxy", "socks")))
_redactors: weakref.WeakSet[Redact] = weakref.WeakSet()
_lock = ForkSafeLock()


def make_redactor(api_key: SecretStr) -> Redact:
    """Return a function that replaces the key in a text, however it is written or encoded.

    While the function exists, the records of httpx and httpcore pass through it as well.
    """

    @functools.cache
    def pattern() -> re.Pattern[str]:
        return re.compile(_key_pattern(api_key.get_secret_value()), re.IGNORECASE)

    def redact(text: str) -> str:
        return pattern().sub(_REPLACEMENT, text)

    with _lock:
        _redactors.add(redact)
    return redact


def redact_exceptions(error: BaseException | None, redact: Redact) -> None:
    """Replace the key in the texts of an error and of its causes, and shorten long ones."""
    while error is not None:
        error.args = tuple(_redact_value(value, redact) for value in error.args)
        if notes := getattr(error, "__notes__", None):
            notes[:] = [_redact_value(note, redact) for note in notes]
        error = error.__cause__ or error.__context__


def _redact_value(value: object, redact: Redact) -> object:
    if isinstance(value, bytes | bytearray):
        value = value.decode("latin-1")
    return (
        redact(value[:_REDACTED_CHARACTERS])[:_MAX_CHARACTERS] if isinstance(value, str) else value
    )


def _key_pattern(key: str) -> str:
    """Return a pattern for the key in plain, percent, JSON, HTML, hexadecimal and base64 form.

    Characters that are not printable ASCII may stand between those of the key, such as line ends.
    """
    plain = r"[^!-~]{0,3}".join(map(_character_pattern, key))
    return "|".join([plain, key.encode().hex(), *_base64_patterns(key.encode())])


def _character_pattern(char: str) -> str:
    code = f"{ord(char):x}"
    entities = {re.escape(text) for text in (html.escape(char), f"&#{ord(char)};") if text != char}
    return (
        rf"(?:\\{{0,4}}(?:{re.escape(char)}|u00{code}|x{code})|%(?:25){{0,2}}{code}|&#x0*{code};"
        + "".join(f"|{entity}" for entity in entities)
        + ")"
    )


def _base64_patterns(key: bytes) -> list[str]:
    """Return patterns for the key within base64; it may begin at any of three places in a group.

    The characters at the edges, which also depend on the neighbours of the key, are replaced too.
    """
    patterns = []
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + key).decode().rstrip("=")
        inner = encoded[offset and offset + 1 : (offset + len(key)) * 8 // 6]
        steps = (_BASE64_ALTERNATIVES.get(char, char) for char in inner)
        patterns.append(r"[\w+/%-]{0,2}" + r"\s{0,2}".join(steps) + r"[\w+/-]{0,2}={0,2}")
    return patterns


_BASE64_ALTERNATIVES = {"+": "(?:[+-]|%2b)", "/": "(?:[/_]|%2f)"}


class _KeyFilter(logging.Filter):
    """Replaces the keys of all clients in log records, which quote heads of responses."""

    def filter(self, record: logging.LogRecord) -> bool:
        with _lock:
            redactors = list(_redactors)
        text = redacted = record.getMessage()
        for redact in redactors:
            redacted = redact(redacted)
        if redacted != text:
            record.msg, record.args = redacted, ()
        return True


for _name in _LOGGERS:  # filters of a logger do not see the records of its children
    logging.getLogger(_name).filters.insert(0, _KeyFilter(__name__))
