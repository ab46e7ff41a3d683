"""Speech recognition by Whisper tiny.en, on CTranslate2."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, Self

from apertis_audio_tools.sandbox.recognition import RecogniserStopped, SpeechSegment
from apertis_audio_tools.sandbox.whisper_model import MAX_CONCURRENCY, load_model, require_model

if TYPE_CHECKING:
    from apertis_audio_tools.sandbox.speech_activity import Span

_CLOSED: Final = "The speech recogniser was closed."


class Whisper:
    """Recogniser of English speech.

    All recognisers of a process share one model, which is loaded when it is first needed.

    Raises:
        ImportError: If ctranslate2 or the weights are not installed.
    """

    def __init__(self) -> None:
        require_model()
        self._threads = ThreadPoolExecutor(MAX_CONCURRENCY, "whisper")

    def recognise(self, pcm: bytes, /) -> Iterator[SpeechSegment]:
        """Yield the segments of a recording, of which a few spans are recognised ahead.

        Raises:
            ImportError: If the weights are not those that were published.
            RecogniserStopped: If the recogniser is closed before the recording ends.
        """
        from apertis_audio_tools.sandbox.speech_activity import split_speech

        pending: deque[Future[list[SpeechSegment]]] = deque()
        try:
            for span in split_speech(pcm):
                pending.append(self._submit(span))
                if len(pending) > MAX_CONCURRENCY:
                    yield from pending.popleft().result()
            while pending:
                yield from pending.popleft().result()
        except CancelledError:
            raise RecogniserStopped(_CLOSED) from None
        finally:
            for future in pending:
                future.cancel()

    def close(self) -> None:
        """End the recognition; recordings in progress fail."""
        self._threads.shutdown(cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _submit(self, span: "Span") -> Future[list[SpeechSegment]]:
        try:
            return self._threads.submit(_recognise, span)
        except RuntimeError:
            raise RecogniserStopped(_CLOSED) from None


def _recognise(span: "Span") -> list[SpeechSegment]:
    from apertis_audio_tools.sandbox.whisper_decoding import recognise_span

    return recognise_span(load_model(), span)
