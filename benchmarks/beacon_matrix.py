"""The containers, codecs and sample rates in which benchmarks/beacons.py writes recordings."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from support.beacon_recordings import BeaconFormat, write_beacons

LATE_SECONDS = 5.0
"""Seconds of picture before the audio of a recording that begins late."""
_PICTURES = {
    "flv": "flv",
    "mpeg": "mpeg1video",
    "mpegts": "mpeg2video",
    "vob": "mpeg2video",
    "webm": "libvpx",
}
"""Encoders of the picture, where it is not mpeg4."""
_OPTIONS = {
    "aac": {"aac_coder": "fast"},
    "libopus": {"compression_level": "0"},
    "libmp3lame": {"compression_level": "9"},
}
_BIT_RATES = {
    "g726": 32_000,
    "g723_1": 6_300,
    "libopencore_amrnb": 12_200,
    "aac": 64_000,
    "libmp3lame": 64_000,
    "libopus": 32_000,
    "mp2": 64_000,
    "ac3": 96_000,
    "eac3": 96_000,
    "wmav1": 64_000,
    "wmav2": 64_000,
}


class MatrixRecording(NamedTuple):
    """A recording of beacons.

    Attributes:
        container: FFmpeg's name of the muxer.
        encoder: FFmpeg's name of the encoder.
        rate: Sample rate in Hz.
        start: Seconds of picture before the audio. 0 if there is no picture.
    """

    container: str
    encoder: str
    rate: int
    start: float = 0.0

    @property
    def name(self) -> str:
        """Name of the recording."""
        return f"{self.container} {self.encoder} {self.rate}{' late' * bool(self.start)}"

    @property
    def cells(self) -> str:
        """Its first cells in the table."""
        return f"{self.container} | {self.encoder} | {self.rate / 1000:g} | {self.start:g} s"

    def write(self, folder: Path, count: int) -> Path:
        """Write a number of beacons into a folder."""
        form = BeaconFormat(
            self.container,
            self.encoder,
            self.rate,
            _BIT_RATES.get(self.encoder, 0),
            "stereo" if self.encoder == "vorbis" else "mono",
            _PICTURES.get(self.container, "mpeg4") if self.start or self._needs_picture else "",
            {"strict": "experimental", **_OPTIONS.get(self.encoder, {})},
            self.start,
        )
        return write_beacons(form, folder / f"beacons.{self.container}", count)

    @property
    def _needs_picture(self) -> bool:
        return self.container in {"mpeg", "vob"}


_ROWS = """
ac3: ac3 48
adts: aac 16 44.1 48
aiff: pcm_s16be 44.1, pcm_s8 8
amr: libopencore_amrnb 8
asf: wmav1 44.1, wmav2 32 44.1, libmp3lame 44.1
au: pcm_s16be 16, pcm_mulaw 8
avi: libmp3lame 44.1, pcm_s16le 16, ac3 48, mp2 48
caf: pcm_s16be 16, alac 44.1, adpcm_ima_qt 44.1
eac3: eac3 48
flac: flac 16 48
flv: libmp3lame 22.05 44.1, aac 44.1, nellymoser 22.05
ipod: aac 16 44.1, alac 44.1
matroska: aac 44.1, libopus 48, vorbis 44.1, libmp3lame 44.1, mp2 48, ac3 48, flac 16
matroska: pcm_s16le 16, pcm_f32le 16, alac 44.1, tta 16, wavpack 16
mov: aac 44.1, pcm_s16le 16, pcm_s24be 48, adpcm_ima_qt 44.1, alac 44.1, libmp3lame 44.1
mp2: mp2 16 24 44.1 48
mp3: libmp3lame 8 16 22.05 44.1 48
mp4: aac 8 16 24 44.1 48, libmp3lame 44.1, ac3 48, eac3 48, libopus 48, flac 16, alac 44.1, mp2 48
mpeg: mp2 44.1, ac3 48
mpegts: aac 44.1, libmp3lame 44.1, mp2 48, ac3 48, eac3 48, libopus 48
ogg: libopus 16 48, vorbis 8 44.1, flac 16
tta: tta 16
voc: pcm_u8 8, pcm_s16le 16
vob: mp2 48, ac3 48
w64: pcm_s16le 16, pcm_f32le 48
wav: pcm_u8 8, pcm_s16le 8 44.1, pcm_s24le 48, pcm_s32le 16, pcm_f32le 16, pcm_f64le 16
wav: pcm_alaw 8, pcm_mulaw 8, adpcm_ms 16, adpcm_ima_wav 16, adpcm_yamaha 8, g722 16
wav: g726 8, g723_1 8, libmp3lame 44.1, mp2 48, ac3 48
webm: libopus 48, vorbis 44.1
wv: wavpack 16
"""
"""Containers, and the sample rates in kHz at which each codec is written there."""
_LATE_ROWS = """
asf: wmav2 44.1
flv: libmp3lame 44.1
matroska: aac 44.1, libopus 48, ac3 48, pcm_s16le 16
mov: aac 44.1, pcm_s16le 16
mp4: aac 44.1, libmp3lame 44.1, alac 44.1
mpeg: mp2 44.1
mpegts: aac 44.1, mp2 48, ac3 48
webm: libopus 48, vorbis 44.1
"""


def _parse(rows: str, start: float) -> Iterator[MatrixRecording]:
    for row in rows.strip().splitlines():
        container, _, codecs = row.partition(": ")
        for codec in codecs.split(", "):
            encoder, *rates = codec.split()
            for rate in rates:
                yield MatrixRecording(container, encoder, round(float(rate) * 1000), start)


RECORDINGS = (*_parse(_ROWS, 0.0), *_parse(_LATE_ROWS, LATE_SECONDS))
