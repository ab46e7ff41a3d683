"""Spoken text, in memory and in files."""

from pydantic import Field

from apertis_audio_tools.results.values import Value
from apertis_audio_tools.text import html


class Speech(Value):
    """Spoken text in memory.

    Attributes:
        audio: Encoded bytes.
        media_type: Media type, for example ``audio/mpeg``.
        format: Format of the bytes: mp3, opus, aac, flac, wav or pcm.
        duration: Length in seconds.
        request_id: Id of the request, for the support of the service.
        server: ``Server`` header of the response.
    """

    audio: bytes = Field(repr=False)
    media_type: str
    format: str
    duration: float
    request_id: str | None = None
    server: str | None = None

    def _repr_html_(self) -> str:
        """Return HTML for notebooks: a player, unless the audio is large or raw PCM."""
        return html.player_html(self.audio, self.media_type, self.format, self.duration)


class SpeechFile(Value):
    """Spoken text in a file.

    Attributes:
        path: Path of the file.
        media_type: Media type, for example ``audio/mpeg``.
        format: Format of the file: mp3, opus, aac, flac, wav or pcm.
        duration: Length in seconds.
        size: Size of the file in bytes.
        request_id: Id of the request, for the support of the service.
        server: ``Server`` header of the response.
    """

    path: str
    media_type: str
    format: str
    duration: float
    size: int
    request_id: str | None = None
    server: str | None = None
