"""Removal of the API key from text that comes from outside: a service may repeat what it was sent.

The pattern of a key is visible in the variables of the functions here and nowhere else.
"""

import base64
import functools
import logging
import re
import weakref
from collections.abc import Callable
from html.entities import html5

from pydantic import SecretStr

from apertis_audio_tools.concurrency.fork_safety import ForkSafeLock

Redact = Callable[[str], str]

_REPLACEMENT = "[API key]"
_REDACTED_CHARACTERS, _MAX_CHARACTERS = 16_384, 300
"""Texts are redacted before they are cut, for nothing would recognise half a key."""
_LOGGERS = tuple(f"httpcore.{name}" for name in ("connection", "http11", "proxy", "socks"))
_redactors: weakref.WeakSet[Redact] = weakref.WeakSet()
_lock = ForkSafeLock()


def make_redactor(api_key: SecretStr) -> Redact:
    """Return a function that replaces the key in a text, however it is written or encoded.

    While the function exists, the records of httpcore pass through it as well.
    """

    @functools.cache
    def pattern() -> re.Pattern[str]:
        return re.compile(_key_pattern(api_key.get_secret_value()), re.IGNORECASE)

    def redact(text: str) -> str:
        if len(text) < len(api_key):  # as most headers are; no form is shorter
            return text
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
    """Return a pattern for the key in plain, percent, JSON, HTML, numeric and base64 form.

    Whatever cannot be seen may stand between the characters of the key, such as line ends.
    """
    data = key.encode()
    plain = "".join(_gap(char) + _character_pattern(char) for char in key).removeprefix(
        _gap(key[0])
    )
    hexadecimal = r"[^\w\\]{0,2}(?:0x)?".join(f"{byte:02x}" for byte in data)
    decimal = r"[^\w\\]{1,3}".join(rf"(?<!\d){byte}(?!\d)" for byte in data)
    return "|".join([plain, hexadecimal, decimal, *_base64_patterns(data)])


_ESCAPE = r"\\{1,32}"
"""Escapes of escapes have several; without a limit, a text of nothing else would take long."""
_PERCENT = "%(?:25)*"
_AND = rf"(?:&|{_PERCENT}26)(?:amp;|amp{_PERCENT}3b)*"
_HASH = rf"(?:#|{_PERCENT}23)"


def _character_pattern(char: str) -> str:
    code = f"{ord(char):x}"
    names = sorted(name.rstrip(";") for name, value in html5.items() if value == char)
    named = "|".join([rf"{_HASH}0*{ord(char)}", rf"{_HASH}x0*{code}", *names])
    return (
        rf"(?:\\{{0,32}}{re.escape(char)}|{_ESCAPE}(?:u\{{?0*{code}\}}?|x{code}|{ord(char):03o})"
        rf"|(?:{_PERCENT}|=){code}|{_AND}(?:{named})(?:;|{_PERCENT}3b)?)"
    )


def _gap(following: str) -> str:
    """Return a pattern for characters that are not printable ASCII, as they are or escaped.

    It is atomic, so that no text takes long, and does not begin with the character that follows.
    """
    hidden = "[^!-~]" if following == "=" else rf"(?:[^!-~]|=(?:\s|{_ESCAPE}[nr]))"
    digits = "(?![2-7])[0-9A-Fa-f]{2}"
    escaped = [
        rf"{_ESCAPE}(?:[nrt]|x{digits}|u(?!00[2-7])[0-9A-Fa-f]{{4}})" * (following != "\\"),
        f"{_PERCENT}{digits}" * (following != "%"),
    ]
    return rf"(?-i:(?>{hidden}*(?:(?:{'|'.join(filter(None, escaped))}){hidden}*){{0,8}}))"


def _base64_patterns(key: bytes) -> list[str]:
    """Return patterns for the key within base64; it may begin at any of three places in a group.

    The characters at the edges, which also depend on the neighbours of the key, are replaced too.
    """
    patterns = []
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + key).decode().rstrip("=")
        inner = encoded[offset and offset + 1 : (offset + len(key)) * 8 // 6]
        steps = (_BASE64_ALTERNATIVES.get(char, char) for char in inner)
        patterns.append(r"[\w+/%-]{0,2}" + _BASE64_GAP.join(steps) + r"[\w+/-]{0,2}={0,2}")
    return patterns


_BASE64_GAP = rf"(?-i:(?>[^!-~]*(?:(?:{_ESCAPE}[nr]|{_PERCENT}0[ADad])[^!-~]*){{0,2}}))"
_BASE64_ALTERNATIVES = {
    "+": rf"(?:[+-]|{_PERCENT}2b|{_ESCAPE}u002b)",
    "/": rf"(?:\\{{0,32}}/|_|{_PERCENT}2f|{_ESCAPE}u002f)",
}


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
