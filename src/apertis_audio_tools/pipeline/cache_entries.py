"""Entries of a cache of transcripts: the interface of caches, and transcripts as bytes."""

import zlib
from pathlib import Path
from typing import Protocol

from apertis_audio_tools.results import Transcript

_SIZE_BYTES = 8


class Cache(Protocol):
    """Transcripts by key, safe for several threads and processes.

    A cache that cannot be read or written, for whatever reason, behaves like an empty one: a
    warning is logged once, and work goes on. A damaged entry is not used, and is written anew.
    """

    @property
    def path(self) -> Path | str:
        """File or URL of the cache."""

    def get(self, key: str) -> Transcript | None:
        """Return the transcript with a key, or None."""

    def put(self, key: str, transcript: Transcript) -> None:
        """Keep a transcript and its response. A crash of the process after this loses neither."""

    def usage(self) -> tuple[int, int]:
        """Return the number of transcripts and their compressed size in bytes."""

    def clear(self) -> int:
        """Delete all transcripts, and return how many there were."""

    def close(self) -> None:
        """Release files and connections, which are opened again when they are needed."""


def compress_entry(transcript: Transcript) -> tuple[bytes, bytes]:
    """Return a transcript and its response, compressed.

    The response is kept apart from what was read of it, so that a later version that reads more of
    it, or has other transcripts, can read it anew and need not pay for it again.
    """
    body = zlib.compress(transcript.model_dump_json(exclude={"raw"}).encode())
    return body, zlib.compress(transcript.raw.encode())


def restore_entry(body: bytes, response: bytes) -> Transcript | None:
    """Return the transcript of an entry, or None if the entry is damaged."""
    try:
        transcript = Transcript.model_validate_json(zlib.decompress(body))
        return transcript.model_copy(update={"raw": zlib.decompress(response).decode()})
    except (zlib.error, TypeError, ValueError):  # a validation error is a ValueError
        return None


def join_entry(body: bytes, response: bytes) -> bytes:
    """Return an entry as the content of one file, which begins with the size of the first part."""
    return len(body).to_bytes(_SIZE_BYTES) + body + response


def split_entry(content: bytes) -> tuple[bytes, bytes]:
    """Return the two parts of an entry; one that is damaged or cut off has damaged parts."""
    end = _SIZE_BYTES + int.from_bytes(content[:_SIZE_BYTES])
    return content[_SIZE_BYTES:end], content[end:]
