"""Detection of an API key in a text, also where it is encoded, with no code of the package."""

import base64
import html
import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import unquote

_WINDOW = 7
"""So many characters of a key in a row count as the key."""
_MAX_DECODINGS = 3
_HIDDEN = re.compile(r"[^!-~]|\\(?:[nrt]|x[^2-7].|u[^0]...|u0[^0]..|u00[^2-7].)")


@lru_cache(maxsize=100_000)
def reveals(text: str, key: str) -> bool:
    """Return whether a text contains a key, or much of one, plain or decodable."""
    windows = [key[at : at + _WINDOW].lower() for at in range(len(key) - _WINDOW + 1)]
    return any(window in shown for shown in set(_readings(text)) for window in windows)


def _readings(text: str) -> Iterator[str]:
    """Yield a text with its escapes decoded none to several times, and what its runs encode."""
    for _ in range(_MAX_DECODINGS + 1):
        for each in (text, re.sub(r"=\s", "", text), text.replace("\\", "")):
            yield re.sub(r"[^!-~]", "", each).lower()
            yield _HIDDEN.sub("", each).lower()
        for decoded in _decode_runs(text):
            yield re.sub(r"[^!-~]", "", decoded).lower()
        text = _decode_escapes(text)


def _decode_escapes(text: str) -> str:
    text = unquote(html.unescape(text), "latin-1")
    text = re.sub(r"(?i)\\(?:u\{?|x)0*([0-9a-f]{2})\}?", lambda m: chr(int(m[1], 16)), text)
    text = re.sub(r"=([2-7][0-9A-F])", lambda m: chr(int(m[1], 16)), text)
    text = re.sub(r"\\([01][0-7]{2})", lambda m: chr(int(m[1], 8)), text)
    return re.sub(r"\\(?=[\\/\"'u])", "", text)


def _decode_runs(text: str) -> Iterator[str]:
    for run in re.findall(r"(?:(?:0x)?[0-9a-fA-F]{2}[ :,]*){6,}", text):
        yield bytes.fromhex(re.sub("0x|[ :,]", "", run)).decode("latin-1")
    for run in re.findall(r"(?:\b\d{2,3}[, ]{1,2}){5,}\d{2,3}", text):
        yield "".join(chr(int(number)) for number in re.findall(r"\d+", run))
    flat = re.sub(r"[^!-~]|\\[nr]", "", text.replace("\\/", "/"))
    flat = re.sub(r"[^\w+/]", "A", flat.translate({ord("-"): "+", ord("_"): "/"}), flags=re.ASCII)
    for start in range(4):
        yield base64.b64decode(flat[start:] + "A" * (-len(flat[start:]) % 4)).decode("latin-1")
