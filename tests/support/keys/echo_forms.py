"""The forms in which a service may repeat an API key."""

import base64
import html
import json
from collections.abc import Callable
from html.entities import html5
from urllib.parse import quote

KEYS = ["sk-SECRETsecret1234567890", "sk-ab.SECRET+sec/ret99==", "SECRET~1", "x_sk-SEC'RET&%\"end"]

Form = Callable[[str], str]
_NAMES = {char: name for name, char in html5.items() if len(char) == 1 and name.endswith(";")}


def _each(template: str) -> Form:
    return lambda key: "".join(template.format(ord(char), char) for char in key)


def _base64(prefix: str, suffix: str = "", *, url: bool = False) -> Form:
    encode = base64.urlsafe_b64encode if url else base64.b64encode
    return lambda key: encode(f"{prefix}{key}{suffix}".encode()).decode()


def _percent_of(form: Form) -> Form:
    return lambda key: quote(form(key), safe="")


def _join(separator: str, size: int) -> Form:
    def join(key: str) -> str:
        return separator.join(key[at : at + size] for at in range(0, len(key), size))

    return join


def _wrapped_base64(key: str) -> str:
    return _join("\n", 8)(_base64("user:")(key))


FORMS: dict[str, Form] = {
    "plain": str,
    "after the scheme": "Bearer {}".format,
    "after an underscore": "x_{}_y".format,
    "between letters": "x{}y".format,
    "between other keys": "sk-{}sk-".format,
    "upper case": str.upper,
    "lower case": str.lower,
    "swapped case": str.swapcase,
    "in quotes": repr,
    "in quotes that are escaped": lambda key: json.dumps(json.dumps(key)),
    "in quotes that are escaped twice": lambda key: json.dumps(json.dumps(json.dumps(key))),
    "solidus escaped": lambda key: key.replace("/", "\\/"),
    "bytes": lambda key: repr(key.encode()),
    "percent": lambda key: quote(key, safe=""),
    "percent in lower case": lambda key: quote(key, safe="").lower(),
    "percent, twice": _percent_of(_percent_of(str)),
    "percent, three times": _percent_of(_percent_of(_percent_of(str))),
    "every character in percent": _each("%{:02X}"),
    "every character in lower-case percent": _each("%{:02x}"),
    "every character in percent, twice": _each("%25{:02X}"),
    "JSON": _each("\\u{:04x}"),
    "JSON in upper case": _each("\\u{:04X}"),
    "JSON in JSON": _each("\\\\u{:04x}"),
    "braces": _each("\\u{{{:x}}}"),
    "backslash and hexadecimal": _each("\\x{:02x}"),
    "backslash and octal": _each("\\{:03o}"),
    "HTML": html.escape,
    "HTML, twice": lambda key: html.escape(html.escape(key)),
    "decimal references": _each("&#{};"),
    "decimal references with zeros": _each("&#{:07};"),
    "decimal references without ends": _each("&#{} "),
    "hexadecimal references": _each("&#x{:x};"),
    "hexadecimal references in upper case": _each("&#X{:04X};"),
    "references in percent": _percent_of(_each("&#{};")),
    "named references": lambda key: "".join(f"&{_NAMES[c]}" if c in _NAMES else c for c in key),
    "quoted-printable": _each("={:02X}"),
    "quoted-printable with a soft break": _join("=\n", 7),
    "base64": _base64(""),
    "base64 after one byte": _base64(":", ":"),
    "base64 after two bytes": _base64("::", "::"),
    "base64 of a header": _base64("Bearer "),
    "base64 of credentials": _base64("user:", "\n"),
    "base64 without padding": lambda key: _base64("")(key).rstrip("="),
    "base64 for addresses": _base64("", url=True),
    "base64 for addresses, after one byte": _base64("?", "?", url=True),
    "base64 for addresses, after two bytes": _base64("??", "??", url=True),
    "base64 in percent": _percent_of(_base64("")),
    "base64 in percent, twice": _percent_of(_percent_of(_base64(""))),
    "base64 with its solidus escaped": lambda key: _base64("?")(key).replace("/", "\\/"),
    "base64 in lines": _wrapped_base64,
    "hexadecimal": lambda key: key.encode().hex(),
    "hexadecimal in upper case": lambda key: key.encode().hex().upper(),
    "hexadecimal with colons": lambda key: key.encode().hex(":"),
    "hexadecimal with spaces": lambda key: key.encode().hex(" "),
    "hexadecimal after a prefix": lambda key: "0x" + key.encode().hex(),
    "hexadecimal numbers": lambda key: ", ".join(map(hex, key.encode())),
    "list of bytes": lambda key: str(list(key.encode())),
    "list of bytes without spaces": lambda key: ",".join(map(str, key.encode())),
    "in two lines": lambda key: f"{key[:6]}\n  {key[6:]}",
    "folded": lambda key: f"{key[:6]}\r\n \t{key[6:]}",
    "far apart": lambda key: f"{key[:6]}{' ' * 40}{key[6:]}",
    "letter by letter": _join(" ", 1),
    "with controls": _join("\x00\x1b", 3),
    "with zero-width characters": _join("\u200b\ufeff", 3),
    "with soft hyphens": _join("\u00ad", 4),
    "with plus for spaces": lambda key: f"Bearer+{key}",
}
"""Each form as a function of the key."""
