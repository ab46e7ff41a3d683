"""References to the audio of passages, which indexes keep, and from which clips are cut.

Stores of LlamaIndex rebuild documents and nodes as its own classes, with nothing but their fields,
and its prompts pass audio on as base64. So the reference is a ``data:`` URL in place of the audio,
whose content begins with a mark.
"""

import base64
import logging
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Self

from llama_index.core.base.llms.types import AudioBlock
from llama_index.core.schema import BaseNode, MediaResource, Node
from pydantic import AnyUrl, Field, TypeAdapter, ValidationError

from apertis_audio_tools.adapters.chat_schema.turns import words_or_note
from apertis_audio_tools.errors import AccessError, RecordingError, UnsupportedError
from apertis_audio_tools.files.access import FileAccess
from apertis_audio_tools.models import TrackChoice

logger: logging.Logger = logging.getLogger("apertis_audio_tools")

CLIP_KEY: str = "clip"
"""Metadata key of the reference in the document of a whole recording, as JSON."""

_MEDIA_TYPE = "audio/mpeg"
_MARK = b"apertis-clip:1\n"  # of 15 bytes, so that its base64 does not depend on what follows
_MARK_BASE64 = base64.b64encode(_MARK).decode()
_MAX_CHARACTERS = 32_768

_Seconds = Annotated[float, Field(ge=0, le=10**8, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class ClipReference:
    """A passage of a recording in a local file, which is checked and cut when it is read.

    Attributes:
        path: Absolute path of the recording.
        digest: SHA-256 of the recording that was transcribed.
        track: Audio track that was transcribed.
        start: Second at which the passage begins.
        end: Second at which it ends.
    """

    path: str
    digest: str
    track: TrackChoice = "default"
    start: _Seconds = 0.0
    end: _Seconds = 0.0

    @classmethod
    def from_json(cls, value: str | bytes) -> Self:
        """Return the reference that `to_json` has written.

        Raises:
            UnsupportedError: If it is something else.
        """
        try:
            reference: Self = TypeAdapter(cls).validate_json(value)
        except ValidationError:
            raise UnsupportedError("The reference to a clip cannot be read.") from None
        return reference

    @classmethod
    def from_base64(cls, text: str) -> Self | None:
        """Return the reference in base64 or in a ``data:`` URL, or None if it holds none.

        Raises:
            UnsupportedError: If it is a reference and cannot be read.
        """
        data = text.rpartition(",")[2] if len(text) <= _MAX_CHARACTERS else ""
        if not data.startswith(_MARK_BASE64):
            return None
        try:
            content = base64.b64decode(data)
        except ValueError:
            raise UnsupportedError("The reference to a clip cannot be read.") from None
        return cls.from_json(content.removeprefix(_MARK))

    @classmethod
    def from_block(cls, block: AudioBlock) -> Self | None:
        """Return the reference in place of audio, or None if a block has no reference."""
        if isinstance(block.audio, bytes):
            return cls.from_base64(block.audio[: _MAX_CHARACTERS + 1].decode("ascii", "replace"))
        return cls.from_base64(str(block.url or ""))

    @property
    def name(self) -> str:
        """Name of the recording, without its folder."""
        return Path(self.path).name

    def to_json(self) -> str:
        """Return the reference as JSON."""
        return TypeAdapter(dict[str, Any]).dump_json(asdict(self)).decode()

    def between(self, start: float, end: float) -> Self:
        """Return the reference of another passage of the same recording."""
        return replace(self, start=start, end=end)

    def to_resource(self) -> MediaResource:
        """Return the audio resource of a document or node."""
        content = base64.b64encode(_MARK + self.to_json().encode()).decode()
        return MediaResource(url=AnyUrl(f"data:{_MEDIA_TYPE};base64,{content}"))

    def cut(self, access: FileAccess | None = None) -> bytes | None:
        """Return the clip as mp3, or None if the recording is gone or has changed.

        Args:
            access: Files that may be read. Defaults to any file.

        Raises:
            UnsupportedError: If the passage is too long for a chat message.
        """
        try:
            with ExitStack() as files:
                return self._cut(access, files)
        except (AccessError, RecordingError) as error:
            logger.warning("The audio of a passage of %s is left out: %s", self.name, error)
            return None

    def _cut(self, access: FileAccess | None, files: ExitStack) -> bytes:
        from apertis_audio_tools.audio import cut_chat_clip, probe, probe_in_child

        source: Any = Path(self.path)
        if access is not None:
            source = files.enter_context(access.reading(self.path))
            if access.isolate_probe:
                probe_in_child(source)
        with probe(source, track=self.track) as recording:
            if recording.digest() != self.digest:
                raise RecordingError(f"{recording.label} has changed since it was indexed.")
            return cut_chat_clip(recording, self.start, self.end)

    @property
    def note(self) -> str:
        """Text that replaces a clip that cannot be cut any more."""
        return words_or_note(None, self.name)


def find_clip(node: BaseNode) -> ClipReference | None:
    """Return the reference that a document or node has in place of audio, if it has one."""
    resource = node.audio_resource if isinstance(node, Node) else None
    return None if resource is None else ClipReference.from_base64(str(resource.url or ""))
