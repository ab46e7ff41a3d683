"""One second of audio in every container and codec that can be read, made in memory."""

import functools
import io
import math
import struct
from array import array
from pathlib import Path
from typing import Any

import av

CLIPS = Path(__file__).parents[2] / "clips"
_RATES = {"libopus": 48_000, "ac3": 48_000, "eac3": 48_000, "vorbis": 48_000, "wmav2": 44_100}
"""Hz, for encoders that do not accept 16,000."""

_MUXED: dict[str, tuple[str, str, dict[str, str]]] = {
    "au": ("au", "pcm_s16be", {}),
    "avi": ("avi", "libmp3lame", {}),
    "pcm.avi": ("avi", "pcm_s16le", {}),
    "caf": ("caf", "pcm_s16be", {}),
    "alac.caf": ("caf", "alac", {}),
    "rf64.wav": ("wav", "pcm_s16le", {"rf64": "always"}),
    "adpcm.wav": ("wav", "adpcm_ima_wav", {}),
    "w64": ("w64", "pcm_s16le", {}),
    "asf": ("asf", "wmav2", {}),
    "flv": ("flv", "aac", {}),
    "ts": ("mpegts", "mp2", {}),
    "ac3": ("ac3", "ac3", {}),
    "eac3": ("eac3", "eac3", {}),
    "tta": ("tta", "tta", {}),
    "wv": ("wv", "wavpack", {}),
    "alac.m4a": ("ipod", "alac", {}),
    "flac.mkv": ("matroska", "flac", {}),
    "frag.mp4": ("mp4", "aac", {"movflags": "frag_keyframe+empty_moov"}),
    "live.webm": ("webm", "libopus", {"live": "1"}),
    "vorbis.ogg": ("ogg", "vorbis", {}),
    "flac.ogg": ("ogg", "flac", {}),
}


@functools.cache
def samples() -> dict[str, bytes]:
    """Return a short recording of each kind, by the name of its container and codec."""
    clips = {path.suffix[1:]: path.read_bytes() for path in sorted(CLIPS.glob("clip.*"))}
    encoded = {name: muxed(*settings) for name, settings in _MUXED.items()}
    return {**clips, **encoded, "amr": amr(50), "dsf": dsf(2)}


def muxed(
    container: str, encoder: str, options: dict[str, str], seconds: float = 1.0, rate: int = 0
) -> bytes:
    """Return an encoded tone that rises."""
    rate = rate or _RATES.get(encoder, 16_000)
    channels = 2 if encoder == "vorbis" else 1
    wave = (8000 * math.sin(n * n / rate / 4) for n in range(int(rate * seconds)))
    values = array("h", (int(value) for value in wave for _ in range(channels)))
    target = io.BytesIO()
    with av.open(target, "w", format=container, options=options) as output:
        stream: Any = output.add_stream(
            encoder,
            rate=rate,
            layout="stereo" if channels == 2 else "mono",
            options={"strict": "experimental"},
        )
        stream.bit_rate = 64_000
        frame = av.AudioFrame("s16", stream.layout.name, len(values) // channels)
        frame.planes[0].update(values.tobytes())
        frame.sample_rate, frame.pts = rate, 0
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return target.getvalue()


def amr(frames: int) -> bytes:
    """Return AMR-NB at 4.75 kbit/s (RFC 4867, section 5), for which FFmpeg has no encoder here."""
    return b"#!AMR\n" + b"".join(
        b"\x04" + bytes((number * 37 + at * 11) % 256 for at in range(12))
        for number in range(frames)
    )


def dsf(blocks: int) -> bytes:
    """Return blocks of one bit per sample in Sony's DSF, for which FFmpeg has no encoder."""
    data = b"\x69" * 4096 * blocks
    samples = len(data) * 8
    form = struct.pack("<IIIIIIQII", 1, 0, 1, 1, 2_822_400, 1, samples, 4096, 0)
    total = 28 + 52 + 12 + len(data)
    return (
        b"DSD "
        + struct.pack("<QQQ", 28, total, 0)
        + b"fmt "
        + struct.pack("<Q", 52)
        + form
        + b"data"
        + struct.pack("<Q", 12 + len(data))
        + data
    )
