"""Chunks of WAVE files: which of them FFmpeg and the service receive, and where the audio ends."""

import string
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import BinaryIO, Literal, NamedTuple

from apertis_audio_tools.audio.input.sources import SourceContent
from apertis_audio_tools.errors import RecordingError

_BYTE_ORDERS: dict[bytes, Literal["little", "big"]] = {
    b"RIFF": "little",
    b"RF64": "little",
    b"BW64": "little",
    b"RIFX": "big",
}
_WIDE_FORMS = frozenset({b"RF64", b"BW64"})
_NO_METADATA = frozenset({b"data", *_BYTE_ORDERS})
_FORM = b"WAVE"
_FORM_BYTES, _HEAD_BYTES = 12, 8
"""Bytes before the first chunk, and of the kind and size of each chunk."""
_DESCRIPTIONS = frozenset({b"fmt ", b"fact", b"ds64"})
"""Chunks that describe the samples."""
_MAX_DESCRIPTION_BYTES = 1 << 16
_MAX_METADATA_BYTES = 1 << 16
"""Bytes of other chunks before the audio that FFmpeg may read; more are hidden from it."""
_MAX_CHUNKS = 1_000
"""Chunks on either side of the audio that are read; more than any file has."""
_MAX_SIZE = 0xFFFFFFFF
"""Size that stands for an unknown one, as 0 does, or for one that is in a ``ds64`` chunk."""
_ID_BYTES = frozenset((string.ascii_letters + string.digits + " _-").encode())


_MAX_JOINED = 10_000
"""Files that were joined to a file and are read."""


class _Range(NamedTuple):
    """Positions at which audio begins and ends."""

    start: int
    end: int


class _Chunk(NamedTuple):
    """A chunk: its kind, the position of its content, and the size it claims."""

    kind: bytes
    start: int
    size: int

    @property
    def end(self) -> int:
        """Position of the next chunk, after a byte of padding if the size is odd."""
        return self.start + self.size + self.size % 2


def without_surplus(content: SourceContent) -> SourceContent:
    """Return a WAVE file without what is behind its audio; any other recording is unchanged.

    Large chunks of metadata before the audio are left out as well. The audio of WAVE files of the
    same format that were joined is kept. If there are other bytes behind it that are not chunks of
    metadata, a note says so.

    Raises:
        RecordingError: If there are more chunks before the audio than any real file has, or if
            there is no audio.
    """
    with content.open() as stream:
        form = stream.read(_FORM_BYTES)
        order = _BYTE_ORDERS.get(form[:4])
        if order is None or form[8:] != _FORM:
            return content
        before, audio = read_head(stream, content, order)
        if audio is None:
            raise RecordingError(f"{content.label} contains no audio: it has no data chunk.")
        size = _audio_size(stream, audio, before)
        if size is None and _metadata_end(stream, audio.start, content.size, order) >= content.size:
            raise RecordingError(f"{content.label} contains no audio.")
        end = content.size if size is None else min(audio.start + size, content.size)
        ranges = [_Range(audio.start, end)]
        if size is not None:
            form_chunk = _content_of(stream, before, b"fmt ")
            ranges += islice(_joined(stream, content, end, form_chunk, order), _MAX_JOINED)
            notes = _note_surplus(stream, content, ranges[-1].end, form_chunk, order)
            content = replace(content, notes=content.notes + notes)
        is_joined = len(ranges) > 1
        header = _plain_header(stream, form, before, audio, is_joined=is_joined)
    if is_joined:
        joined = content.parts(ranges)
        return joined.window(0, joined.size, header or b"")
    if header is None:
        return content if end == content.size else content.window(0, end)
    return content.window(audio.start, end - audio.start, header)


def _joined(
    stream: BinaryIO,
    content: SourceContent,
    end: int,
    form: bytes,
    order: Literal["little", "big"],
) -> Iterator[_Range]:
    """Yield the audio of further files of the same format, each joined to the one before."""
    while True:
        position = _metadata_end(stream, end + end % 2, content.size, order)
        stream.seek(position)
        head = stream.read(_FORM_BYTES)
        if _BYTE_ORDERS.get(head[:4]) != order or head[8:] != _FORM:
            return
        before, audio = read_head(stream, content, order, position)
        if audio is None or _content_of(stream, before, b"fmt ") != form:
            return
        size = _audio_size(stream, audio, before)
        end = content.size if size is None else min(audio.start + size, content.size)
        yield _Range(audio.start, end)


def _content_of(stream: BinaryIO, chunks: list[_Chunk], kind: bytes) -> bytes:
    """Return the content of the first chunk of a kind, or nothing if there is none."""
    for chunk in chunks:
        if chunk.kind == kind:
            stream.seek(chunk.start)
            return stream.read(min(chunk.size, _MAX_DESCRIPTION_BYTES))
    return b""


def read_head(
    stream: BinaryIO, content: SourceContent, order: Literal["little", "big"], position: int = 0
) -> tuple[list[_Chunk], _Chunk | None]:
    """Return the chunks before the audio of a file at a position, and its audio, if any."""
    before: list[_Chunk] = []
    for chunk in _chunks(stream, position + _FORM_BYTES, content.size, order):
        if chunk.kind == b"data":
            return before, chunk
        before.append(chunk)
        if len(before) > _MAX_CHUNKS:
            raise RecordingError(
                f"{content.label} has more than {_MAX_CHUNKS} chunks before its audio."
            )
    return before, None


def _chunks(
    stream: BinaryIO, position: int, end: int, order: Literal["little", "big"]
) -> Iterator[_Chunk]:
    while position + _HEAD_BYTES <= end:
        stream.seek(position)
        head = stream.read(_HEAD_BYTES)
        if len(head) < _HEAD_BYTES:
            return
        chunk = _Chunk(head[:4], position + _HEAD_BYTES, int.from_bytes(head[4:], order))
        yield chunk
        position = chunk.end


def _audio_size(stream: BinaryIO, audio: _Chunk, before: list[_Chunk]) -> int | None:
    """Return the bytes of audio by the header, or None if whoever wrote it did not know."""
    size = audio.size
    wide = next((chunk for chunk in before if chunk.kind == b"ds64"), None)
    if size == _MAX_SIZE and wide is not None:
        stream.seek(wide.start + 8)  # after the size of the file
        size = int.from_bytes(stream.read(8), "little")
    return None if size in (0, _MAX_SIZE) else size


def _metadata_end(
    stream: BinaryIO, position: int, end: int, order: Literal["little", "big"]
) -> int:
    """Return where the chunks of metadata end that begin at a position."""
    for number, chunk in enumerate(_chunks(stream, position, end, order)):
        is_metadata = chunk.kind not in _NO_METADATA and _ID_BYTES.issuperset(chunk.kind)
        if number == _MAX_CHUNKS or not is_metadata or chunk.start + chunk.size > end:
            break
        position = chunk.end
    return position


def _note_surplus(
    stream: BinaryIO,
    content: SourceContent,
    end: int,
    form: bytes,
    order: Literal["little", "big"],
) -> tuple[str, ...]:
    """Return a note if the bytes behind the audio are not all chunks of metadata."""
    end = _metadata_end(stream, end + end % 2, content.size, order)
    bytes_per_second = int.from_bytes(form[8:12], order)  # after codec, channels and sample rate
    if end >= content.size or not bytes_per_second:
        return ()
    surplus = content.size - end
    note = (
        f"It has {surplus} bytes behind the audio that its header describes. They are "
        f"ignored; as audio they would be {surplus / bytes_per_second:.1f} seconds."
    )
    return (note,)


def _plain_header(
    stream: BinaryIO, form: bytes, before: list[_Chunk], audio: _Chunk, *, is_joined: bool
) -> bytes | None:
    """Return a header without metadata, or None if the metadata is small and not in ID3.

    The header of joined files says that the size of the audio is not known.
    """
    metadata = [chunk for chunk in before if chunk.kind not in _DESCRIPTIONS]
    is_small = sum(chunk.size for chunk in metadata) <= _MAX_METADATA_BYTES
    if not is_joined and is_small and all(chunk.kind.lower() != b"id3 " for chunk in metadata):
        return None
    kinds = _DESCRIPTIONS - ({b"ds64"} if is_joined else set())
    kept = [
        chunk for chunk in before if chunk.kind in kinds and chunk.size <= _MAX_DESCRIPTION_BYTES
    ]
    parts = [b"RIFF" + form[4:] if is_joined and form[:4] in _WIDE_FORMS else form]
    for chunk in [*kept, _Chunk(audio.kind, audio.start, 0)]:
        stream.seek(chunk.start - _HEAD_BYTES)
        parts.append(stream.read(chunk.end - chunk.start + _HEAD_BYTES))
    if is_joined:
        parts[-1] = audio.kind + bytes(_HEAD_BYTES - len(audio.kind))
    return b"".join(parts)
