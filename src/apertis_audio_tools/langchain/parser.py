"""The parser: recordings in blobs become documents that know when each passage was said."""

import contextlib
import logging
from collections.abc import AsyncGenerator, Generator, Iterable, Iterator
from typing import Any, Unpack

from langchain_core.document_loaders import BaseBlobParser, Blob
from langchain_core.documents import Document

from apertis_audio_tools.adapters.client_handle import ClientOptions, LazyClient
from apertis_audio_tools.adapters.documents import DocumentOptions, Granularity
from apertis_audio_tools.adapters.loading import Failure, LoadOptions, skip_recording
from apertis_audio_tools.client import ApertisAudio
from apertis_audio_tools.langchain.blobs import flat, name_of, source_of
from apertis_audio_tools.models import TRANSCRIPTION_MODEL, Task, UploadFormat
from apertis_audio_tools.pipeline.batch import OnError, Outcome, require_error_mode
from apertis_audio_tools.pipeline.progress import ProgressCallback, ProgressReporter
from apertis_audio_tools.results import PASSAGE_CHARACTERS, PASSAGE_SECONDS

logger = logging.getLogger("apertis_audio_tools")


class ParserOptions(ClientOptions, total=False):
    """What `ApertisAudioParser` takes."""

    task: Task
    model: str
    language: str | None
    prompt: str | None
    temperature: float | None
    piece_seconds: float | None
    upload_format: UploadFormat
    granularity: Granularity
    max_seconds: float
    max_characters: int
    overlap: float
    on_error: OnError
    show_progress: bool | ProgressCallback
    client: ApertisAudio | None


class ApertisAudioParser(BaseBlobParser):
    """Recordings in blobs as documents: what was said, and from when to when.

    Recordings may be of any length and in any format FFmpeg reads. Blobs in memory will do. Each
    document has an ``id`` that stays the same, and metadata with ``source``, ``start`` and ``end``
    in seconds, ``timecode``, ``duration``, ``language``, ``model`` and ``task``; of the blob's own
    metadata it has all that is flat.

    Example:
        >>> from langchain_core.document_loaders import Blob
        >>> from apertis_audio_tools.langchain import ApertisAudioParser
        >>> parser = ApertisAudioParser(granularity="segment")
        >>> for document in parser.lazy_parse(Blob.from_path("standup.ogg")):
        ...     print(document.metadata["timecode"], document.page_content)

    Args:
        task: ``transcribe``, or ``translate`` into English.
        model: A transcription model.
        language: ISO 639-1, such as ``zh``; only to transcribe.
        prompt: Context, or how names and terms are spelled.
        temperature: Of the sampling, 0 to 1.
        piece_seconds: How long the pieces should be that a long recording is sent in, about.
        upload_format: Encode for a slow line: ``mp3`` or ``opus``.
        granularity: ``recording`` for one document each; ``passage`` for whole segments packed to
            a size that retrieval works well with; ``segment`` for each.
        max_seconds: Of a passage.
        max_characters: Of a passage.
        overlap: Seconds by which a passage begins before the end of the one before.
        on_error: ``raise``, or ``skip`` recordings that fail: they are logged, and in `failures`.
            What would befall all, such as a wrong key or an outage, is raised.
        show_progress: True for a bar on standard error (needs tqdm), or a function that takes
            `apertis_audio_tools.Progress` values.
        client: An `ApertisAudio` to share; it stays open. Without it, connections last as long as
            the parser.
        settings: Of the client that is made then: ``api_key``, ``base_url``, ``timeout``,
            ``deadline``, ``max_retries``, ``max_wait``, ``max_concurrency``,
            ``requests_per_minute``, ``cache``, ``models``.

    Attributes:
        failures: The recordings that were skipped so far.

    Raises:
        ConfigurationError: No key, or a setting that cannot be.
    """

    def __init__(
        self,
        *,
        task: Task = "transcribe",
        model: str = TRANSCRIPTION_MODEL,
        language: str | None = None,
        prompt: str | None = None,
        temperature: float | None = None,
        piece_seconds: float | None = None,
        upload_format: UploadFormat = "auto",
        granularity: Granularity = "passage",
        max_seconds: float = PASSAGE_SECONDS,
        max_characters: int = PASSAGE_CHARACTERS,
        overlap: float = 0.0,
        on_error: OnError = "raise",
        show_progress: bool | ProgressCallback = False,
        client: ApertisAudio | None = None,
        **settings: Unpack[ClientOptions],
    ) -> None:
        self._reading = LoadOptions(
            task=task,
            model=model,
            language=language,
            prompt=prompt,
            temperature=temperature,
            piece_seconds=piece_seconds,
            upload_format=upload_format,
            document_options=DocumentOptions(granularity, max_seconds, max_characters, overlap),
        )
        require_error_mode(on_error)
        # Reporting is made here only to find out now whether tqdm is there.
        self._how = {
            "on_error": on_error,
            "progress": ProgressReporter(show_progress).progress,
        }
        self._borrowed = LazyClient(client, settings)
        self._borrowed.require_settings()
        self.failures: list[Failure] = []

    def lazy_parse(self, blob: Blob) -> Generator[Document]:
        """The documents of one recording.

        Raises:
            ApertisError: It cannot be read, or the service's part went wrong.
        """
        return self.lazy_parse_all([blob])

    def alazy_parse(self, blob: Blob) -> AsyncGenerator[Document]:
        """The same for asyncio."""
        return self.alazy_parse_all([blob])

    def lazy_parse_all(self, blobs: Iterable[Blob]) -> Generator[Document]:
        """The documents of many recordings in their order, several recordings being under way.

        Few recordings are looked at ahead. Closing the iterator ends what is under way.

        Raises:
            ApertisError: A recording cannot be read, or the service's part went wrong.
        """
        outcomes = self._reading.each(self._borrowed.audio, _sources(blobs), **self._how)
        with contextlib.closing(outcomes):
            for blob, outcome in outcomes:
                yield from self._documents(blob, outcome)

    async def alazy_parse_all(self, blobs: Iterable[Blob]) -> AsyncGenerator[Document]:
        """The same for asyncio; a thread goes through `blobs`, which may block."""
        outcomes = self._reading.aeach(self._borrowed.audio, _sources(blobs), **self._how)
        async with contextlib.aclosing(outcomes):
            async for blob, outcome in outcomes:
                for document in self._documents(blob, outcome):
                    yield document

    def _documents(self, blob: Blob, outcome: Outcome) -> Iterator[Document]:
        if outcome.error is not None:
            self.failures.append(skip_recording(name_of(blob) or outcome.label, outcome.error))
            return
        transcript = outcome.transcript
        more, left = flat(blob.metadata)
        if left:
            logger.warning("Metadata of %s is not flat, and left out: %s", outcome.label, left)
        for each in self._reading.documents(transcript, name_of(blob)):
            metadata = {
                **each.metadata,
                **{k: v for k, v in more.items() if k not in each.metadata},
            }
            yield Document(id=each.id, page_content=each.text, metadata=metadata)


def _sources(blobs: Iterable[Blob]) -> Iterator[tuple[Blob, Any]]:
    return ((blob, source_of(blob)) for blob in blobs)
