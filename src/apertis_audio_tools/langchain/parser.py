"""The blob parser: recordings in blobs become documents with times."""

import contextlib
import logging
from collections.abc import AsyncGenerator, Collection, Generator, Iterable, Iterator, Sequence
from typing import Unpack

from langchain_core.document_loaders import BaseBlobParser, Blob
from langchain_core.documents import Document

from apertis_audio_tools.adapters.client_handle import ClientOptions, LazyClient, hide_key
from apertis_audio_tools.adapters.documents import DocumentOptions, Granularity
from apertis_audio_tools.adapters.loading import Failure, LoadOptions, log_failure
from apertis_audio_tools.api.options import TranscriptionOptions
from apertis_audio_tools.api.speakers import Speakers
from apertis_audio_tools.audio import Source
from apertis_audio_tools.client import ApertisAudio
from apertis_audio_tools.files.discovery import RecordingPath
from apertis_audio_tools.files.paths import expand_user
from apertis_audio_tools.langchain.blobs import name_of, source_of, split_metadata
from apertis_audio_tools.models import AUTO, Pauses, Quality, Task, TrackChoice, UploadFormat
from apertis_audio_tools.pipeline.accounts import Account, Limits
from apertis_audio_tools.pipeline.batch import OnError, Outcome
from apertis_audio_tools.pipeline.progress import ProgressCallback, ProgressReporter
from apertis_audio_tools.results import PASSAGE_CHARACTERS, PASSAGE_SECONDS, TotalUsage

logger: logging.Logger = logging.getLogger("apertis_audio_tools")


class ParserOptions(ClientOptions, total=False):
    """The arguments of `ApertisAudioParser`; see there."""

    task: Task
    model: str
    language: str | None
    languages: Sequence[str]
    keywords: Sequence[str]
    to: str
    prompt: str | None
    temperature: float | None
    piece_seconds: float | None
    upload_format: UploadFormat
    track: TrackChoice
    speakers: Speakers | None
    speaker_names: Sequence[str] | None
    channels: Sequence[int] | None
    pauses: Pauses
    quality: Quality
    granularity: Granularity
    max_seconds: float
    max_characters: int
    overlap: float
    on_error: OnError
    show_progress: bool | ProgressCallback
    max_cost: float | None
    max_audio_seconds: float | None
    root: RecordingPath | None
    client: ApertisAudio | None


class ApertisAudioParser(BaseBlobParser):
    """Transcribes recordings in blobs into documents that know their start and their end.

    Recordings may have any length and any format FFmpeg reads, and may be in memory. Each document
    has a stable ``id``, and metadata with ``source``, ``start`` and ``end`` in seconds,
    ``timecode``, ``duration``, ``language``, ``model`` and ``task``, followed by the flat part of
    the blob's own metadata. ``source`` is the one in the blob's metadata, else the resolved path of
    its file, else its id.

    Examples:
        >>> from langchain_core.document_loaders import Blob
        >>> from apertis_audio_tools.langchain import ApertisAudioParser
        >>> parser = ApertisAudioParser(granularity="segment")
        >>> for document in parser.lazy_parse(Blob.from_path("standup.ogg")):
        ...     print(document.metadata["timecode"], document.page_content)

    Args:
        task: ``transcribe``, or ``translate``.
        model: Transcription model.
        language: ISO 639-1 code of the language spoken, such as ``zh``; only to transcribe.
        languages: ISO 639-1 codes of several languages; see `ApertisAudio.transcribe`.
        keywords: Names and terms that are spoken; see `ApertisAudio.transcribe`.
        to: ISO 639-1 code of the language to translate into. Defaults to ``en``.
        prompt: Context, or the spelling of names and terms.
        temperature: Sampling temperature, 0 to 1.
        piece_seconds: Target length of the pieces of a recording that has to be cut, in seconds.
        upload_format: ``mp3`` or ``opus`` to re-encode for a slow line. Defaults to ``auto``.
        track: Index of the audio track, or ``all`` to mix them; see `ApertisAudio.transcribe`.
        speakers: ``channels``, ``tracks`` or a diarizer to tell speakers apart; see
            `ApertisAudio.transcribe`, as for the next two. Documents have the metadata ``speaker``.
        speaker_names: Name for each channel or track.
        channels: Indexes of the channels.
        pauses: ``shorten`` to send no pauses of more than a second; see `ApertisAudio.transcribe`.
        quality: ``mark`` or ``drop`` segments that perhaps nobody said; see there.
        granularity: ``recording`` for one document each; ``passage`` for whole segments packed to
            a size that retrieval works well with; ``segment`` for one document per segment.
        max_seconds: Longest passage, in seconds.
        max_characters: Longest text of a passage.
        overlap: Seconds by which a passage begins before the previous one ends.
        on_error: ``raise``, or ``skip`` to log recordings that fail and add them to `failures`.
            Errors that all recordings would have, such as a wrong key or an outage, are raised.
        show_progress: True for a bar on standard error (needs tqdm), or a function that accepts
            `apertis_audio_tools.Progress` values.
        max_cost: Dollars that all recordings of this parser may cost together; see
            `ApertisAudio.transcribe_many`. When it is reached, `BudgetExceededError` is raised
            after the documents of what was finished, with either `on_error`.
        max_audio_seconds: Seconds of audio that may be sent; likewise.
        root: Folder that the ``source`` of files is relative to, with ``/`` between parts; files
            elsewhere are refused. With it, documents of a folder that was moved stay the same.
            Defaults to None: sources are absolute.
        client: `ApertisAudio` to share; it stays open. Defaults to a client of the parser's own.
        settings: Settings of that client, such as ``api_key`` or ``cache``; see `ApertisAudio`.

    Attributes:
        failures: Recordings skipped so far.
        account: Account that all recordings so far are charged to.

    Raises:
        ConfigurationError: If there is no API key, or a setting is invalid; while parsing, if a
            file is not below `root`.
    """

    def __init__(
        self,
        *,
        task: Task = "transcribe",
        model: str = AUTO,
        language: str | None = None,
        languages: Sequence[str] = (),
        keywords: Sequence[str] = (),
        to: str = "en",
        prompt: str | None = None,
        temperature: float | None = None,
        piece_seconds: float | None = None,
        upload_format: UploadFormat = "auto",
        track: TrackChoice = "default",
        speakers: Speakers | None = None,
        speaker_names: Sequence[str] | None = None,
        channels: Sequence[int] | None = None,
        pauses: Pauses = "keep",
        quality: Quality = "keep",
        granularity: Granularity = "passage",
        max_seconds: float = PASSAGE_SECONDS,
        max_characters: int = PASSAGE_CHARACTERS,
        overlap: float = 0.0,
        on_error: OnError = "raise",
        show_progress: bool | ProgressCallback = False,
        max_cost: float | None = None,
        max_audio_seconds: float | None = None,
        root: RecordingPath | None = None,
        client: ApertisAudio | None = None,
        **settings: Unpack[ClientOptions],
    ) -> None:
        hide_key(settings)
        self._options = LoadOptions(
            TranscriptionOptions(
                task=task,
                model=model,
                language=language,
                languages=languages,
                keywords=keywords,
                to=to,
                prompt=prompt,
                temperature=temperature,
                piece_seconds=piece_seconds,
                upload_format=upload_format,
                track=track,
                speakers=speakers,
                speaker_names=speaker_names,
                channels=channels,
                pauses=pauses,
                quality=quality,
            ),
            DocumentOptions(granularity, max_seconds, max_characters, overlap),
            on_error,
            # The reporter is made here only to find out now whether tqdm is installed.
            ProgressReporter(show_progress).progress,
        )
        self._root = None if root is None else expand_user(root)
        self._lazy_client = LazyClient(client, settings)
        self._lazy_client.require_settings()
        self.failures: list[Failure] = []
        self.account: Account = Account(Limits(max_cost, max_audio_seconds))

    @property
    def total_usage(self) -> TotalUsage:
        """Usage and cost of all recordings so far."""
        return self.account.total

    def lazy_parse(self, blob: Blob) -> Generator[Document]:
        """Yield the documents of one recording.

        Raises:
            ApertisError: If the recording cannot be read, or a request fails.
        """
        return self.lazy_parse_all([blob])

    def alazy_parse(self, blob: Blob) -> AsyncGenerator[Document]:
        """Async version of `lazy_parse`."""
        return self.alazy_parse_all([blob])

    def lazy_parse_all(self, blobs: Iterable[Blob]) -> Generator[Document]:
        """Yield the documents of many recordings in order, transcribing several at once.

        A blob is consumed when it can be sent; the files of a list of blobs are checked first.
        An error is raised after the documents of the recordings under way. Closing the iterator
        stops what is in progress.

        Raises:
            ApertisError: If a recording cannot be read, or a request fails.
        """
        outcomes = self._options.transcribe_each(
            self._lazy_client.client, self._sources(blobs), self.account
        )
        with contextlib.closing(outcomes):
            for (blob, name), outcome in outcomes:
                yield from self._documents(blob, name, outcome)

    async def alazy_parse_all(self, blobs: Iterable[Blob]) -> AsyncGenerator[Document]:
        """Async version of `lazy_parse_all`; `blobs` is iterated in a thread."""
        outcomes = self._options.atranscribe_each(
            self._lazy_client.client, self._sources(blobs), self.account
        )
        async with contextlib.aclosing(outcomes):
            async for (blob, name), outcome in outcomes:
                for document in self._documents(blob, name, outcome):
                    yield document

    def _sources(self, blobs: Iterable[Blob]) -> Iterable[tuple[tuple[Blob, str | None], Source]]:
        folders = dict[str, str]()
        paired = (((blob, name_of(blob, self._root, folders)), source_of(blob)) for blob in blobs)
        return list(paired) if isinstance(blobs, Collection) else paired

    def _documents(self, blob: Blob, name: str | None, outcome: Outcome) -> Iterator[Document]:
        if outcome.error is not None:
            self.failures.append(log_failure(name or outcome.label, outcome.error))
            return
        flat, omitted = split_metadata(blob.metadata)
        if omitted:
            logger.warning("Metadata of %s is not flat, and left out: %s", outcome.label, omitted)
        for each in self._options.make_documents(outcome.transcript, name):
            metadata = each.metadata | {k: v for k, v in flat.items() if k not in each.metadata}
            yield Document(id=each.id, page_content=each.text, metadata=metadata)
