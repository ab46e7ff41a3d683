"""Tokens of Whisper tiny.en: their text, and the times between them."""

from collections.abc import Iterator, Sequence
from typing import Final

END_OF_TEXT: Final = 50_256
"""All tokens below it are text."""
START: Final = 50_257
FIRST_TIME: Final = 50_363
"""Token of the time 0; each one after it is 20 ms later."""
_SECONDS_PER_TIME: Final = 0.02


def split_segments(tokens: Sequence[int], seconds: float) -> tuple[list[list[int]], float]:
    """Return the text tokens of each segment, and how many seconds they account for.

    Two times in a row mean that the speech continues behind the last complete segment. What the
    model has begun to write of it, is to be recognised again. A segment that starts behind the end
    of the window is invented.

    Args:
        tokens: Tokens that the model generated for a window.
        seconds: Length of the window.
    """
    segments, text, time = list[list[int]](), list[int](), 0.0
    for token in tokens:
        if token < END_OF_TEXT:
            text.append(token)
        elif token >= FIRST_TIME:
            if text and time < seconds:
                segments.append(text)
            time, text = (token - FIRST_TIME) * _SECONDS_PER_TIME, []
    if text and not segments:
        return [text], seconds
    goes_on = text or min(tokens[-2:], default=0) >= FIRST_TIME
    return segments, time if segments and goes_on else seconds


def split_words(tokens: Sequence[int], vocabulary: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Yield the words of tokens, each with the number of its tokens.

    Punctuation belongs to the word before it, or to the first one.
    """
    word, count = b"", 0
    for token in tokens:
        piece = _bytes(token, vocabulary)
        if piece.startswith(b" ") and _has_word(piece) and _has_word(word):
            yield _decode(word), count
            word, count = b"", 0
        word += piece
        count += 1
    if count:
        yield _decode(word), count


def join_text(tokens: Sequence[int], vocabulary: Sequence[str]) -> str:
    """Return the text of tokens without the times between them."""
    return _decode(b"".join(_bytes(each, vocabulary) for each in tokens if each < END_OF_TEXT))


def _bytes(token: int, vocabulary: Sequence[str]) -> bytes:
    return bytes(_BYTE_OF_CHARACTER[character] for character in vocabulary[token])


def _decode(content: bytes) -> str:
    return content.decode(errors="replace").strip()


def _has_word(content: bytes) -> bool:
    return any(map(str.isalnum, _decode(content)))


def _byte_of_character() -> dict[str, int]:
    """Return the byte for each character of the vocabulary; printable ones stand for themselves."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(0x100) if byte not in printable]
    shifted = {chr(0x100 + number): byte for number, byte in enumerate(others)}
    return {chr(byte): byte for byte in printable} | shifted


_BYTE_OF_CHARACTER: Final = _byte_of_character()
