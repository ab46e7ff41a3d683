"""Speech synthesis by espeak-ng, a formant synthesiser: robotic, but fast and complete.

espeak-ng is licensed under the GNU General Public License, version 3. It is loaded at run time
from the espeakng-loader wheel, which the user installs; nothing of it is part of this package.
"""

import ctypes
import functools
import re
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import espeakng_loader

SAMPLE_RATE: Final = 22_050

_SYNCHRONOUS: Final = 2
_UTF8: Final = 1
_PAUSE_AT_END: Final = 0x1000
_PITCH: Final = 3
_BY_CHARACTER: Final = 1
_SENTENCE_END: Final = re.compile(r"(?<=[.!?;:。！？])\s+|\n+|(?<=[。！？])")  # noqa: RUF001
_PIECE: Final = re.compile(r".{1,500}(?:\s|$)|.{1,500}", re.DOTALL)
"""Parts of a long sentence: each is in memory as a whole, at about 3 KB a character."""
_UNSPEAKABLE: Final = re.compile(r"[\x00-\x1f\x7f]")
_LOCK: Final = threading.Lock()
_SYNTH_ARGUMENTS: Final = (
    *(ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint),
    *(ctypes.c_void_p, ctypes.c_void_p),
)
_Callback: Final = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


@dataclass(frozen=True)
class EspeakVoice:
    """A voice of espeak-ng: its name, such as `de` or `en-us+Gene`, and its pitch from 0 to 99."""

    name: str
    pitch: int = 50


_VOICES: Final = {
    # Six variants of espeak-ng that differ, of those that the recogniser understands best.
    "alloy": EspeakVoice("en-us+miguel"),
    "echo": EspeakVoice("en-us+Gene"),
    "fable": EspeakVoice("en-us+Henrique"),
    "onyx": EspeakVoice("en-us+m1"),
    "nova": EspeakVoice("en-us+Annie"),
    "shimmer": EspeakVoice("en-us+shelby"),
}


def speak(text: str, voice: str) -> Iterator[bytes]:
    """Synthesise a text lazily, sentence by sentence.

    Args:
        text: Text in English.
        voice: One of the six documented voices. Any other name stands for one of them, always the
            same.

    Yields:
        Signed 16-bit little-endian mono samples at 22,050 Hz.
    """
    espeak_voice = _VOICES.get(voice) or _other_voice(voice)
    for sentence in _SENTENCE_END.split(text):
        for piece in _PIECE.findall(_UNSPEAKABLE.sub(" ", sentence)) or [""]:
            with _LOCK:
                samples = synthesise(piece, espeak_voice)
            yield samples


def _other_voice(name: str) -> EspeakVoice:
    voices = list(_VOICES.values())
    return voices[zlib.crc32(name.encode("utf-8", "replace")) % len(voices)]


def synthesise(text: str, voice: EspeakVoice) -> bytes:
    """Return a text as signed 16-bit mono samples at 22,050 Hz."""
    samples = bytearray()

    def collect(wav: "ctypes._Pointer[ctypes.c_short] | None", count: int, _events: object) -> int:
        if wav and count:
            samples.extend(ctypes.string_at(wav, count * 2))
        return 0

    espeak, callback = _espeak(), _Callback(collect)
    encoded = text.encode("utf-8", "replace")
    espeak.espeak_SetSynthCallback(callback)
    flags = _UTF8 | _PAUSE_AT_END
    failed = espeak.espeak_SetVoiceByName(voice.name.encode())
    failed = failed or espeak.espeak_SetParameter(_PITCH, voice.pitch, 0)
    failed = failed or espeak.espeak_Synth(
        encoded, len(encoded) + 1, 0, _BY_CHARACTER, 0, flags, None, None
    )
    if failed:
        raise RuntimeError(f"espeak-ng could not speak with voice '{voice.name}' ({failed}).")
    return bytes(samples)


@functools.cache
def _espeak() -> ctypes.CDLL:
    """Load and initialise the library, which keeps one state per process."""
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    data = espeakng_loader.get_data_path().encode()
    if library.espeak_Initialize(_SYNCHRONOUS, 0, data, 1) != SAMPLE_RATE:
        raise RuntimeError("espeak-ng could not find its data files.")
    library.espeak_Synth.argtypes = _SYNTH_ARGUMENTS
    return library
