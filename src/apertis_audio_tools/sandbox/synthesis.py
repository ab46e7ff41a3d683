"""Speech synthesis by espeak-ng, a formant synthesiser: robotic, quick, and really speaking.

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
from typing import Any, Final

import espeakng_loader

SAMPLE_RATE: Final = 22_050

_SYNCHRONOUS: Final = 2
_UTF8: Final = 1
_PAUSE_AT_END: Final = 0x1000
_PITCH: Final = 3
_BY_CHARACTER: Final = 1
_SENTENCE_END: Final = re.compile(r"(?<=[.!?;:。！？])\s+|\n+|(?<=[。！？])")  # noqa: RUF001
_UNSPEAKABLE: Final = re.compile(r"[\x00-\x1f\x7f]")
_ONE_AT_A_TIME: Final = threading.Lock()
_Callback: Final = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


@dataclass(frozen=True)
class _Voice:
    name: str
    pitch: int = 50


_VOICES: Final = {
    # Of espeak-ng's variants, six that differ and that pocketsphinx understands best.
    "alloy": _Voice("en-us+edward"),
    "echo": _Voice("en-us+m6"),
    "fable": _Voice("en-us+klatt4", 60),
    "onyx": _Voice("en-us+edward", 30),
    "nova": _Voice("en-us+f5"),
    "shimmer": _Voice("en-us+klatt4", 85),
}


def speak(text: str, voice: str) -> Iterator[bytes]:
    """Speak a text, a sentence at a time, each as soon as the one before was taken.

    Args:
        text: What to say, in English.
        voice: One of the six documented voices; any other name gets one of their voices, always
            the same.

    Yields:
        Signed 16-bit little-endian mono samples at 22,050 Hz.
    """
    timbre = _VOICES.get(voice) or _other_voice(voice)
    for sentence in _SENTENCE_END.split(text):
        speakable = _UNSPEAKABLE.sub(" ", sentence)
        with _ONE_AT_A_TIME:
            samples = _synthesise(speakable, timbre)
        yield samples


def _other_voice(name: str) -> _Voice:
    voices = list(_VOICES.values())
    return voices[zlib.crc32(name.encode("utf-8", "replace")) % len(voices)]


def _synthesise(text: str, voice: _Voice) -> bytes:
    samples = bytearray()

    def collect(wav: Any, count: int, _events: object) -> int:
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
    """The library, ready to work; it keeps one state per process."""
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    data = espeakng_loader.get_data_path().encode()
    if library.espeak_Initialize(_SYNCHRONOUS, 0, data, 1) != SAMPLE_RATE:
        raise RuntimeError("espeak-ng could not find its data files.")
    library.espeak_Synth.argtypes = [
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_uint,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.c_uint,
        ctypes.c_void_p,
        ctypes.c_void_p,
    ]
    return library
