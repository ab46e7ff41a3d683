"""POST /audio/speech."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from apertis_audio_tools import models
from apertis_audio_tools.api.call import json_body
from apertis_audio_tools.api.options import SpeechOptions
from apertis_audio_tools.api.request import Request
from apertis_audio_tools.api.response import Response, malformed_error
from apertis_audio_tools.errors import UnsupportedError
from apertis_audio_tools.models import Capabilities

_PAGE_OR_JSON = re.compile(rb"\s*(?:\{\s*\"|<(?:!doctype|html|\?xml))", re.IGNORECASE)
_BINARY_TYPES = frozenset({"", "application/octet-stream", "binary/octet-stream", "video/ogg"})


def check_speech(text: str, options: SpeechOptions) -> None:
    """Raise `UnsupportedError` for what no model can do."""
    if not text.strip():
        raise UnsupportedError("There is nothing to speak: the text is empty.")
    models.require_choice("response_format", options.response_format, models.SPEECH_FORMATS)
    models.require_range("speed", options.speed, models.SPEED_RANGE)


def use_model(options: SpeechOptions, model: str, capabilities: Capabilities) -> SpeechOptions:
    """Return options with the model that was chosen, and with the voice of it that is similar."""
    row = capabilities.models.get(model)
    is_other = row is not None and options.voice not in row.voices
    voice = row.similar_voices.get(options.voice) if row and is_other else None
    return replace(options, model=model, voice=voice or options.voice)


def speech_request(text: str, options: SpeechOptions, capabilities: Capabilities) -> Request:
    """Return the request for a spoken text."""
    check_speech(text, options)
    if len(text) > models.MAX_SPEECH_CHARACTERS:
        raise UnsupportedError(
            f"The text has {len(text)} characters; the service accepts "
            f"{models.MAX_SPEECH_CHARACTERS} at a time. Send it in parts."
        )
    capabilities.require_operation(options.model, "speak", options.response_format)
    capabilities.require_voice(options.model, options.voice)
    if options.instructions is not None:
        capabilities.require_instructions(options.model)
    payload = {
        "model": options.model,
        "input": text,
        "voice": options.voice,
        "response_format": options.response_format,
        "speed": options.speed,
        "instructions": options.instructions,
    }
    body = json_body(payload)
    return Request(
        "POST",
        "/audio/speech",
        body,
        accept="audio/*",
        model=options.model,
        need=options.need,
        max_response_bytes=models.MAX_AUDIO_RESPONSE_BYTES,
        characters=len(text),
    )


class AudioStreamReader:
    """Reader of a streamed audio file, which checks that the first bytes look like audio."""

    def __init__(self, head: Response) -> None:
        self._head = head
        self._has_begun = False
        self.content_bytes: int = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the chunk, or raise `MalformedResponseError` if it is a page or JSON."""
        if chunk and not self._has_begun:
            require_audio(replace(self._head, body=chunk))
            self._has_begun = True
        self.content_bytes += len(chunk)
        yield chunk

    def finish(self) -> Sequence[bytes]:
        """Return nothing, or raise `MalformedResponseError` if there were no bytes at all."""
        if not self._has_begun:
            require_audio(self._head)
        return ()


def require_audio(response: Response) -> Response:
    """Return the response if it looks like audio, or raise `MalformedResponseError`."""
    if not response.body:
        raise malformed_error(response, "without any audio")
    media_type = response.media_type
    if not media_type.startswith("audio/") and media_type not in _BINARY_TYPES:
        raise malformed_error(response, f"with {media_type} in place of audio")
    if _PAGE_OR_JSON.match(response.body):
        raise malformed_error(response, "with text in place of audio")
    return response
