"""The containers and codecs that the service surely decodes, so that they are sent as they are."""

from typing import NamedTuple

import av


class UploadFormat(NamedTuple):
    """A container and its codecs, all of which the service surely decodes.

    Attributes:
        container: Name of the container.
        codecs: FFmpeg's canonical names of the codecs.
        suffixes: Suffixes that the service accepts for the container, our choice first.
        source: Specification that says which codecs every reader of the container knows.
    """

    container: str
    codecs: frozenset[str]
    suffixes: tuple[str, ...]
    source: str


def _row(container: str, codecs: str, suffixes: str, source: str) -> UploadFormat:
    return UploadFormat(container, frozenset(codecs.split()), tuple(suffixes.split()), source)


_PCM = "pcm_u8 pcm_s16le pcm_s24le pcm_s32le pcm_f32le pcm_f64le pcm_alaw pcm_mulaw"

UPLOAD_FORMATS = {
    row.container: row
    for row in (
        _row("mp3", "mp3", "mp3 mpga mpeg", "ISO 11172-3"),
        _row("mp2", "mp2", "mpga mpeg", "ISO 11172-3"),
        _row("wav", _PCM, "wav", "RFC 2361, without its compressed formats"),
        _row("flac", "flac", "flac", "RFC 9639"),
        _row("ogg", "opus vorbis", "ogg", "RFC 5334, without Speex and FLAC"),
        _row("mp4", "aac", "m4a mp4", "ISO 14496-14"),
        _row("webm", "opus vorbis", "webm", "WebM Container Guidelines"),
        _row("mpeg", "mp2", "mpeg", "ISO 13818-1"),
    )
}
"""The suffixes are those of the Apertis Audio API reference. A container does not say what is in
it: services decode AMR in 3gp, or ADPCM in wav, partly or not at all."""

MEDIA_TYPES = {
    "mp3": "audio/mpeg",
    "mpga": "audio/mpeg",
    "mpeg": "audio/mpeg",
    "m4a": "audio/mp4",
    "mp4": "audio/mp4",
    "ogg": "audio/ogg",
    "webm": "audio/webm",
    "wav": "audio/wav",
    "flac": "audio/flac",
}
"""Media types by suffix."""


def find_upload_format(container: str, decoder: str) -> UploadFormat | None:
    """Return the row of a container, or None if the service may not decode what is in it."""
    row = UPLOAD_FORMATS.get(container)
    return row if row and av.Codec(decoder, "r").canonical_name in row.codecs else None
