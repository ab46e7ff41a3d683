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

_TEXT = re.compile(rb"\s*(?:\{\s*\"|<(?:!doctype|html|\?xml))", re.IGNORECASE)
_BINARY_TYPES = frozenset({"", "application/octet-stream", "binary/octet-stream", "video/ogg"})


def speech_request(text: str, options: SpeechOptions, capabilities: Capabilities) -> Request:
    """Return the request for a spoken text.

    Raises:
        UnsupportedError: The service is known to refuse it.
    """
    if not text.strip():
        raise UnsupportedError("There is nothing to say: the text is empty.")
    if len(text) > models.MAX_SPEECH_CHARACTERS:
        raise UnsupportedError(
            f"The text has {len(text)} characters; the service takes "
            f"{models.MAX_SPEECH_CHARACTERS} at a time. Send it in parts."
        )
    models.require_choice("response_format", options.response_format, models.SPEECH_FORMATS)
    models.require_range("speed", options.speed, models.SPEED_RANGE)
    capabilities.require(options.model, "speak", options.response_format)
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
    return Request("POST", "/audio/speech", body, accept="audio/*", model=options.model)


class AudioStreamReader:
    """The bytes of an answer as they arrive, once the first of them look like sound.

    Args:
        head: The answer they belong to, without its body.
    """

    def __init__(self, head: Response) -> None:
        self._head = head
        self._has_begun = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The chunk itself.

        Raises:
            MalformedResponseError: Error pages and JSON have been seen with success.
        """
        if chunk and not self._has_begun:
            require_audio(replace(self._head, body=chunk))
            self._has_begun = True
        yield chunk

    def finish(self) -> Sequence[bytes]:
        """Called when the body has ended; there is nothing to add.

        Raises:
            MalformedResponseError: There was none.
        """
        if not self._has_begun:
            require_audio(self._head)
        return ()


def require_audio(answer: Response) -> Response:
    """The answer, if its head and first bytes are those of sound.

    Raises:
        MalformedResponseError: They are not.
    """
    if not answer.body:
        raise malformed_error(answer, "without any audio")
    kind = answer.media_type
    if not kind.startswith("audio/") and kind not in _BINARY_TYPES:
        raise malformed_error(answer, f"with {kind} in place of audio")
    if _TEXT.match(answer.body):
        raise malformed_error(answer, "with text in place of audio")
    return answer
